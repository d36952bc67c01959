//! Uploads: what is accepted, and the exact answer to each kind of what is not.

use std::time::Duration;

use flow_model::inspect::{Rejection, RejectionKind};
use flow_sandbox::CompileLimits;

use crate::support::guests::{Wat, component, contract, example};
use crate::support::stage::Stage;

#[tokio::test]
async fn a_component_is_inspected_and_its_second_upload_costs_nothing() {
    let stage = Stage::new();
    let first = stage.admit(example("hello")).await.expect("it is accepted");
    assert!(first.compile_ms > 0);
    assert!(first.imports.iter().any(|name| name == "flow:host/log@0.1.0"), "{:?}", first.imports);
    assert!(first.exports.contains(&"flow:host/dags@0.1.0".to_owned()), "{:?}", first.exports);
    assert!(first.exports.contains(&"flow:host/tasks@0.1.0".to_owned()), "{:?}", first.exports);
    let second = stage.admit(example("hello")).await.expect("it is accepted");
    assert_eq!((second.compile_ms, second.digest), (0, first.digest));
}

#[tokio::test]
async fn what_is_no_component_is_told_apart() {
    let stage = Stage::new();
    let core = wat::parse_str("(module)").expect("a core module");
    for (bytes, expected) in [
        (&b""[..], Rejection::Empty),
        (b"PK\x03\x04 a zip file", Rejection::NotWasm),
        (b"\0asm", Rejection::NotWasm),
        (b"\x7fELF\x02\x01\x01 native code", Rejection::Precompiled),
        (&core, Rejection::CoreModule),
    ] {
        let rejection = stage.admit(bytes.to_vec()).await.expect_err("it is refused");
        assert_eq!(rejection, expected);
        assert_eq!(rejection.kind(), RejectionKind::NotAComponent);
    }
}

#[tokio::test]
async fn a_component_that_is_cut_off_or_lies_about_its_length_is_malformed() {
    let stage = Stage::new();
    for (bytes, reason) in [
        // A component that is cut off: behind a section's id, and within the core module in it.
        (&b"\0asm\x0d\0\x01\0\x01"[..], "unexpected end-of-file (at offset 0x9)"),
        (b"\0asm\x0d\0\x01\0\x01\x08\0asm\x01\0\0", "unexpected end-of-file (at offset 0xe)"),
        // A section that says it has 10 GiB, and one that says as much as 32 bits can.
        (b"\0asm\x0d\0\x01\0\x00\x80\x80\x80\x80\x28", "invalid var_u32: integer too large (at offset 0xd)"),
        (b"\0asm\x0d\0\x01\0\x00\xff\xff\xff\xff\x0f", "unexpected end-of-file (at offset 0xe)"),
    ] {
        let rejection = stage.admit(bytes::Bytes::from_static(bytes)).await.expect_err("it is refused");
        assert_eq!(rejection.to_string(), format!("the component is not valid: {reason}"));
        assert_eq!((rejection.code(), rejection.kind()), ("malformed", RejectionKind::Invalid));
    }
    let whole = example("hello");
    for cut in [whole.len() / 2, whole.len() - 1] {
        let rejection = stage.admit(whole.slice(..cut)).await.expect_err("it is refused");
        assert_eq!((rejection.code(), rejection.kind()), ("malformed", RejectionKind::Invalid), "{rejection}");
    }
}

#[tokio::test]
async fn a_forbidden_import_is_named() {
    let guest = Wat {
        imports: r#"(import "wasi:sockets/instance-network@0.2.3" "open" (func))"#,
        wit: (
            "package wasi:sockets@0.2.3 { interface instance-network { open: func(); } }",
            "import wasi:sockets/instance-network@0.2.3;",
        ),
        ..Wat::default()
    };
    let rejection = Stage::new().admit(guest.component()).await.expect_err("it is refused");
    assert_eq!(
        rejection.to_string(),
        "the component imports `wasi:sockets/instance-network@0.2.3`, which this host does not offer: only flow:host and \
         the clocks, random, io and cli parts of WASI 0.2 can be imported"
    );
}

#[tokio::test]
async fn a_component_for_another_version_of_the_contract_is_told_which_fits() {
    let module = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "flow:host/tasks@0.2.0#run") (param i32) (result i32) unreachable)
        (func (export "flow:host/dags@0.2.0#describe") (result i32) unreachable))"#;
    let rejection = Stage::new().admit(component(module, &contract(), ("", ""))).await.expect_err("it is refused");
    assert_eq!(
        rejection.to_string(),
        "the module was built for flow:host@0.2.0, this host offers 0.1.0: rebuild it with an SDK for 0.1.0"
    );
}

#[tokio::test]
async fn a_component_must_export_what_the_contract_says_as_it_says_it() {
    let stage = Stage::new();
    let nothing = wat::parse_str("(component)").expect("an empty component");
    let missing = Rejection::MissingExport("flow:host/dags@0.1.0".into());
    assert_eq!(stage.admit(nothing).await, Err(missing));
    let other = contract().replace("describe: func() -> result<json, import-error>", "describe: func() -> u32");
    let module = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "flow:host/tasks@0.1.0#run") (param i32) (result i32) unreachable)
        (func (export "flow:host/dags@0.1.0#describe") (result i32) unreachable))"#;
    let rejection = stage.admit(component(module, &other, ("", ""))).await.expect_err("it is refused");
    assert_eq!(rejection.code(), "wrong-signature", "{rejection}");
}

#[tokio::test]
async fn a_component_that_needs_more_than_any_attempt_can_have_is_refused() {
    let stage = Stage::new();
    let guests = [
        (
            Wat { pages: 9_000, ..Wat::default() },
            "memory has a minimum byte size of 589824000 which exceeds the limit of 0x20000000 bytes",
        ),
        (
            Wat {
                rest: "(memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1)",
                ..Wat::default()
            },
            "defined memories count of 9 exceeds the per-instance limit of 8",
        ),
        (
            Wat { rest: "(table 100001 funcref)", ..Wat::default() },
            "table index 0 has a minimum element size of 100001 which exceeds the limit of 100000",
        ),
    ];
    for (guest, expected) in guests {
        assert_eq!(stage.admit(guest.component()).await, Err(Rejection::TooDemanding(expected.into())));
    }
    let kept = std::fs::read_dir(stage.cache.path()).expect("it reads").count();
    assert_eq!(kept, 1, "nothing but the quarantine is in the cache");
}

#[tokio::test]
async fn proposals_that_are_off_are_refused() {
    let stage = Stage::new();
    for rest in ["(memory $wide i64 1)", "(memory $shared 1 1 shared)", "(tag $thrown)"] {
        let rejection = stage.admit(Wat { rest, ..Wat::default() }.component()).await.expect_err(rest);
        assert_eq!(rejection.code(), "malformed", "{rest}: {rejection}");
    }
}

#[tokio::test]
async fn a_component_over_the_size_limit_is_not_even_compiled() {
    let stage = Stage::with(|config| config.compile_limits.component_bytes = 100);
    let component = Wat::default().component();
    let too_big = Rejection::TooBig { size: component.len() as u64, limit: 100 };
    assert_eq!(stage.admit(component).await, Err(too_big));
}

#[tokio::test]
async fn a_compiler_that_takes_too_much_is_stopped() {
    let limits = [
        CompileLimits { wall: Duration::from_millis(1), ..CompileLimits::default() },
        CompileLimits { memory_bytes: 16 << 20, ..CompileLimits::default() },
    ];
    for limits in limits {
        let stage = Stage::with(|config| config.compile_limits = limits);
        let rejection = stage.admit(example("etl")).await.expect_err("it is refused");
        assert_eq!(rejection.code(), "too-expensive", "{limits:?}: {rejection}");
    }
}

#[tokio::test]
async fn a_compiler_that_dies_takes_nothing_with_it() {
    let stage = Stage::with(|config| {
        config.compiler.program = "/bin/false".into();
    });
    let rejection = stage.admit(Wat::default().component()).await.expect_err("it is refused");
    assert_eq!(rejection.code(), "compiler-failed");
    let stage = Stage::with(|config| config.compiler.program = "/no/such/program".into());
    let rejection = stage.admit(Wat::default().component()).await.expect_err("it is refused");
    assert_eq!(rejection.kind(), RejectionKind::HostFault);
    assert!(!rejection.to_string().contains("/no/such"), "a host path leaked: {rejection}");
}
