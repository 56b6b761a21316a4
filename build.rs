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
        if let Err(error) = builder.build_and_generate(out.join(format!("{name}.skel.rs"))) {
            eprintln!("the BPF programs in bpf/{name}.bpf.c could not be compiled: {error:#}");
            eprintln!("install clang (apt-get install clang libelf-dev zlib1g-dev), or set CLANG to one;");
            eprintln!("or build without live capture: cargo build --no-default-features");
            std::process::exit(1);
        }
    }
}
