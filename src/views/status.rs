//! What became of a call, in a word and in words.
//! It must not know any call.

use crate::assemble::{Op, Outcome, Unseen, Why};
use crate::decode::errno;

/// Appends one of `returned`, `unfinished`, `return_lost` and `beginning_lost`, or why nobody saw it begin: `refused`, `answered`,
/// `emulated`, `earlier`, `missed` where that is certain, several of them joined by `_or_` where it is not, and else `unseen`.
pub(super) fn write(out: &mut Vec<u8>, op: &Op<'_>) {
    let word = match op.outcome {
        Outcome::Done { .. } => "returned",
        Outcome::Unfinished { why: Why::ExitLost, .. } => "return_lost",
        Outcome::Unfinished { .. } => "unfinished",
        Outcome::Orphan { why: None, .. } => "beginning_lost",
        Outcome::Orphan { ret, why: Some(why) } => {
            return join(out, reasons(ret, why).map(|(word, _)| word), "_or_");
        }
    };
    out.extend_from_slice(word.as_bytes());
}

/// Appends the same for people, of a call that nobody saw begin.
pub(super) fn explain(out: &mut Vec<u8>, ret: Option<i64>, why: Unseen) {
    join(out, reasons(ret, why).map(|(_, words)| words), ", or ");
}

/// All that there may be: never none.
fn reasons(ret: Option<i64>, why: Unseen) -> impl Iterator<Item = (&'static str, &'static str)> {
    let seccomp = match ret {
        None => ("refused", "refused before entry by seccomp, with SIGSYS"),
        Some(ret) if errno::is_error(ret) => ("refused", "refused before entry by seccomp"),
        // Somebody whom the filter asked (SECCOMP_RET_USER_NOTIF) did it, or said so.
        Some(_) => ("answered", "answered before entry by seccomp"),
    };
    let any = why.seccomp || why.tracer || why.earlier || why.missed;
    [
        (why.seccomp, seccomp),
        (why.tracer, ("emulated", "kept from entry by a tracer")),
        (why.earlier, ("earlier", "begun before the recording")),
        (why.missed, ("missed", "beginning missed")),
        (!any, ("unseen", "beginning not seen")),
    ]
    .into_iter()
    .filter_map(|(may_be, words)| may_be.then_some(words))
}

fn join(out: &mut Vec<u8>, words: impl Iterator<Item = &'static str>, between: &str) {
    for (nth, word) in words.enumerate() {
        out.extend_from_slice(if nth == 0 { b"" } else { between.as_bytes() });
        out.extend_from_slice(word.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::synth;
    use crate::layout::{FLAG_EARLIER, FLAG_MISSED, FLAG_REBUILT, FLAG_SECCOMP, FLAG_SIGSYS, FLAG_TRACER};
    use crate::views::testing::printed;
    use crate::views::{Text, TextOptions, column};

    #[test]
    fn every_outcome_has_a_word() {
        let enter = || synth::umount2(b"/mnt", 0);
        let exit = |ret| synth::exit(2).ret(ret);
        let unseen = |why| enter().flags(FLAG_REBUILT | why);
        for (events, words) in [
            (vec![enter(), exit(-1)], vec!["returned"]),
            (vec![enter()], vec!["unfinished"]),
            (vec![enter(), enter(), exit(0)], vec!["return_lost", "returned"]),
            (vec![exit(0)], vec!["beginning_lost"]),
            (vec![unseen(FLAG_SECCOMP), exit(-1)], vec!["refused"]),
            (vec![unseen(FLAG_SECCOMP), exit(0)], vec!["answered"]),
            (vec![unseen(FLAG_SECCOMP), exit(166).flags(FLAG_SIGSYS)], vec!["refused"]),
            (vec![unseen(FLAG_EARLIER), exit(0)], vec!["earlier"]),
            (vec![unseen(FLAG_MISSED), exit(0)], vec!["missed"]),
            (vec![unseen(FLAG_SECCOMP | FLAG_EARLIER), exit(-1)], vec!["refused_or_earlier"]),
            (
                vec![unseen(FLAG_SECCOMP | FLAG_EARLIER | FLAG_MISSED), exit(-1)],
                vec!["refused_or_earlier_or_missed"],
            ),
            (vec![unseen(FLAG_TRACER), exit(-38)], vec!["emulated"]),
            (vec![unseen(0), exit(0)], vec!["unseen"]),
        ] {
            let columns = vec![column("status").expect("a column")];
            let text = printed(&mut Text::new(TextOptions { columns, ..TextOptions::default() }), events);
            assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), words);
        }
    }
}
