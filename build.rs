//! Compiles bpf/ into a skeleton in OUT_DIR when the feature `record` is on; does nothing otherwise.

fn main() {
    // Without these a change of any file would build everything again.
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-env-changed=CLANG");
    println!("cargo:rerun-if-env-changed=MOUNTSNOOP_COMMIT");
    let commit = std::env::var("MOUNTSNOOP_COMMIT").unwrap_or_else(|_| "unknown".to_string());
    println!("cargo:rustc-env=MOUNTSNOOP_COMMIT={commit}");
    #[cfg(feature = "record")]
    skeletons();
}

#[cfg(feature = "record")]
fn skeletons() {
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for name in ["mountsnoop", "self"] {
        let mut builder = libbpf_cargo::SkeletonBuilder::new();
        builder
            .source(format!("bpf/{name}.bpf.c"))
            // The instruction set clang 14 takes by default (v1) gives code that the verifiers of 5.10 and 6.1 refuse.
            .clang_args(["-mcpu=v2", "-Wall", "-Werror"])
            .reference_obj(true);
        if let Some(clang) = std::env::var_os("CLANG") {
            builder.clang(clang);
        }
        let object = out.join(format!("{name}.bpf.o"));
        builder.obj(&object);
        if let Err(error) = builder.build_and_generate(out.join(format!("{name}.skel.rs"))) {
            eprintln!("the BPF programs in bpf/{name}.bpf.c could not be compiled: {error:#}");
            eprintln!("install clang (apt-get install clang libelf-dev zlib1g-dev), or set CLANG to one;");
            eprintln!("or build without live capture: cargo build --no-default-features");
            std::process::exit(1);
        }
        let list = format!("{:?}", types(&object).expect("what clang has just written"));
        std::fs::write(out.join(format!("{name}.types.rs")), list).expect("OUT_DIR can be written to");
    }
}

/// The names of the structs and enums of a BPF object: those of the kernel that it looks into are among them.
#[cfg(feature = "record")]
fn types(object: &std::path::Path) -> libbpf_rs::Result<Vec<String>> {
    use libbpf_rs::btf::{Btf, BtfType};

    let btf = Btf::from_path(object)?;
    let all = btf.type_by_kind::<BtfType<'_>>().filter(|found| found.is_composite() || found.is_any_enum());
    Ok(all.filter_map(|found| Some(found.name()?.to_str()?.to_string())).collect())
}
