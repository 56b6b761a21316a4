//! Names of error numbers: the generic Linux numbering, which x86, arm64, riscv and s390 share.
//! It must not know which call failed.

use super::digits;

/// What user space may see (asm-generic/errno.h). Of two names for a number the kernel's own is taken: EAGAIN, EDEADLK, EOPNOTSUPP.
#[rustfmt::skip]
static NAMES: &[(u16, &str)] = &[
    (1, "EPERM"), (2, "ENOENT"), (3, "ESRCH"), (4, "EINTR"), (5, "EIO"), (6, "ENXIO"), (7, "E2BIG"),
    (8, "ENOEXEC"), (9, "EBADF"), (10, "ECHILD"), (11, "EAGAIN"), (12, "ENOMEM"), (13, "EACCES"),
    (14, "EFAULT"), (15, "ENOTBLK"), (16, "EBUSY"), (17, "EEXIST"), (18, "EXDEV"), (19, "ENODEV"),
    (20, "ENOTDIR"), (21, "EISDIR"), (22, "EINVAL"), (23, "ENFILE"), (24, "EMFILE"), (25, "ENOTTY"),
    (26, "ETXTBSY"), (27, "EFBIG"), (28, "ENOSPC"), (29, "ESPIPE"), (30, "EROFS"), (31, "EMLINK"),
    (32, "EPIPE"), (33, "EDOM"), (34, "ERANGE"), (35, "EDEADLK"), (36, "ENAMETOOLONG"), (37, "ENOLCK"),
    (38, "ENOSYS"), (39, "ENOTEMPTY"), (40, "ELOOP"), (42, "ENOMSG"), (43, "EIDRM"), (44, "ECHRNG"),
    (45, "EL2NSYNC"), (46, "EL3HLT"), (47, "EL3RST"), (48, "ELNRNG"), (49, "EUNATCH"), (50, "ENOCSI"),
    (51, "EL2HLT"), (52, "EBADE"), (53, "EBADR"), (54, "EXFULL"), (55, "ENOANO"), (56, "EBADRQC"),
    (57, "EBADSLT"), (59, "EBFONT"), (60, "ENOSTR"), (61, "ENODATA"), (62, "ETIME"), (63, "ENOSR"),
    (64, "ENONET"), (65, "ENOPKG"), (66, "EREMOTE"), (67, "ENOLINK"), (68, "EADV"), (69, "ESRMNT"),
    (70, "ECOMM"), (71, "EPROTO"), (72, "EMULTIHOP"), (73, "EDOTDOT"), (74, "EBADMSG"), (75, "EOVERFLOW"),
    (76, "ENOTUNIQ"), (77, "EBADFD"), (78, "EREMCHG"), (79, "ELIBACC"), (80, "ELIBBAD"), (81, "ELIBSCN"),
    (82, "ELIBMAX"), (83, "ELIBEXEC"), (84, "EILSEQ"), (85, "ERESTART"), (86, "ESTRPIPE"), (87, "EUSERS"),
    (88, "ENOTSOCK"), (89, "EDESTADDRREQ"), (90, "EMSGSIZE"), (91, "EPROTOTYPE"), (92, "ENOPROTOOPT"),
    (93, "EPROTONOSUPPORT"), (94, "ESOCKTNOSUPPORT"), (95, "EOPNOTSUPP"), (96, "EPFNOSUPPORT"),
    (97, "EAFNOSUPPORT"), (98, "EADDRINUSE"), (99, "EADDRNOTAVAIL"), (100, "ENETDOWN"), (101, "ENETUNREACH"),
    (102, "ENETRESET"), (103, "ECONNABORTED"), (104, "ECONNRESET"), (105, "ENOBUFS"), (106, "EISCONN"),
    (107, "ENOTCONN"), (108, "ESHUTDOWN"), (109, "ETOOMANYREFS"), (110, "ETIMEDOUT"), (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"), (113, "EHOSTUNREACH"), (114, "EALREADY"), (115, "EINPROGRESS"), (116, "ESTALE"),
    (117, "EUCLEAN"), (118, "ENOTNAM"), (119, "ENAVAIL"), (120, "EISNAM"), (121, "EREMOTEIO"),
    (122, "EDQUOT"), (123, "ENOMEDIUM"), (124, "EMEDIUMTYPE"), (125, "ECANCELED"), (126, "ENOKEY"),
    (127, "EKEYEXPIRED"), (128, "EKEYREVOKED"), (129, "EKEYREJECTED"), (130, "EOWNERDEAD"),
    (131, "ENOTRECOVERABLE"), (132, "ERFKILL"), (133, "EHWPOISON"),
];

/// What the kernel keeps to itself (include/linux/errno.h); seen where a signal interrupts a call, or a file system leaks one.
#[rustfmt::skip]
static INTERNAL: &[(u16, &str)] = &[
    (512, "ERESTARTSYS"), (513, "ERESTARTNOINTR"), (514, "ERESTARTNOHAND"), (515, "ENOIOCTLCMD"),
    (516, "ERESTART_RESTARTBLOCK"), (517, "EPROBE_DEFER"), (518, "EOPENSTALE"), (519, "ENOPARAM"),
    (521, "EBADHANDLE"), (522, "ENOTSYNC"), (523, "EBADCOOKIE"), (524, "ENOTSUPP"), (525, "ETOOSMALL"),
    (526, "ESERVERFAULT"), (527, "EBADTYPE"), (528, "EJUKEBOX"), (529, "EIOCBQUEUED"),
    (530, "ERECALLCONFLICT"), (531, "ENOGRACE"),
];

/// The largest value that is an error (`MAX_ERRNO`).
const MAX: u64 = 4095;

/// The two tables by number, so that a lookup is an index.
static BY_NUMBER: [&str; 532] = by_number();

const fn by_number() -> [&'static str; 532] {
    let mut table = [""; 532];
    let mut at = 0;
    while at < NAMES.len() + INTERNAL.len() {
        let (number, name) = if at < NAMES.len() { NAMES[at] } else { INTERNAL[at - NAMES.len()] };
        table[number as usize] = name;
        at += 1;
    }
    table
}

/// The name of an error number, `EBUSY` of 16.
pub fn name(errno: u64) -> Option<&'static str> {
    let name = BY_NUMBER.get(usize::try_from(errno).ok()?)?;
    (!name.is_empty()).then_some(*name)
}

/// The name of the error that a return value stands for.
#[inline]
pub fn of_return(ret: i64) -> Option<&'static str> {
    if ret < 0 { name(ret.unsigned_abs()) } else { None }
}

/// Whether a return value is an error at all, known by name or not.
#[inline]
pub fn is_error(ret: i64) -> bool {
    ret < 0 && ret.unsigned_abs() <= MAX
}

/// Appends a return value: `-EBUSY`, or the number where it has no name.
#[inline]
pub fn write(out: &mut Vec<u8>, ret: i64) {
    write_name(out, ret, of_return(ret));
}

/// As the first mountsnoop printed it: an int, and only errors that user space may see have names.
pub fn write_classic(out: &mut Vec<u8>, ret: i64) {
    let ret = i64::from(ret as i32);
    write_name(out, ret, of_return(ret).filter(|_| ret > -512));
}

fn write_name(out: &mut Vec<u8>, ret: i64, name: Option<&str>) {
    match name {
        Some(name) => {
            out.push(b'-');
            out.extend_from_slice(name.as_bytes());
        }
        None => digits::signed(out, ret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ret: i64) -> String {
        let mut out = Vec::new();
        write(&mut out, ret);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn return_values_print_as_names_where_they_have_one() {
        for (ret, want) in [
            (0, "0"),
            (3, "3"),
            (-1, "-EPERM"),
            (-11, "-EAGAIN"),
            (-16, "-EBUSY"),
            (-35, "-EDEADLK"),
            (-41, "-41"),
            (-95, "-EOPNOTSUPP"),
            (-133, "-EHWPOISON"),
            (-134, "-134"),
            (-512, "-ERESTARTSYS"),
            (-520, "-520"),
            (-524, "-ENOTSUPP"),
            (-4096, "-4096"),
            (i64::MIN, "-9223372036854775808"),
        ] {
            assert_eq!(written(ret), want);
        }
    }

    #[test]
    fn classic_knows_no_internal_errors_and_takes_an_int() {
        for (ret, want) in
            [(-16, "-EBUSY"), (-512, "-512"), (-9999, "-9999"), (0xffff_fff0, "-EBUSY"), (0, "0")]
        {
            let mut out = Vec::new();
            write_classic(&mut out, ret);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn numbers_agree_with_the_headers_of_this_machine() {
        let mut checked = 0;
        for header in ["/usr/include/asm-generic/errno-base.h", "/usr/include/asm-generic/errno.h"] {
            let text =
                std::fs::read_to_string(header).unwrap_or_else(|e| panic!("{header} (linux-libc-dev): {e}"));
            for line in text.lines().filter_map(|line| line.strip_prefix("#define")) {
                let mut words = line.split_whitespace();
                let (Some(word), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) else {
                    continue;
                };
                assert_eq!(name(number), Some(word));
                checked += 1;
            }
        }
        assert_eq!(checked, NAMES.len());
    }
}
