//! Components made of WebAssembly text, for guests that no compiler would make.

use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::root;

/// What a hand-written guest is made of; the default one does nothing and succeeds.
#[derive(Debug)]
pub struct Wat {
    /// Imports, in WebAssembly text.
    pub imports: &'static str,
    /// Memory, in pages, at the start.
    pub pages: u32,
    /// The body of `tasks.run`, which leaves the address of its result; address 64 holds "success, nothing to return".
    pub run: &'static str,
    /// The body of `dags.describe`, which leaves the address of its result.
    pub describe: &'static str,
    /// Anything else that the module has.
    pub rest: &'static str,
    /// WIT of further packages, and of the world's imports from them.
    pub wit: (&'static str, &'static str),
}

impl Default for Wat {
    fn default() -> Self {
        Self { imports: "", pages: 1, run: "(i32.const 64)", describe: "unreachable", rest: "", wit: ("", "") }
    }
}

impl Wat {
    /// The component.
    pub fn component(&self) -> Bytes {
        let Self { imports, pages, run, describe, rest, .. } = self;
        component(
            &format!(
                r#"(module
                    {imports}
                    (memory (export "memory") {pages})
                    (func (export "flow:host/tasks@0.1.0#run") (param i32) (result i32) {run})
                    (func (export "flow:host/dags@0.1.0#describe") (result i32) {describe})
                    (global $heap (mut i32) (i32.const 4096))
                    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                        (global.get $heap)
                        (global.set $heap (i32.add (global.get $heap) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
                    {rest})"#
            ),
            &contract(),
            self.wit,
        )
    }
}

/// The texts of `wit/` in one, without their package lines.
pub fn contract() -> String {
    let files = std::fs::read_dir(root().join("wit")).expect("the contract is there");
    let texts = files.map(|file| std::fs::read_to_string(file.expect("an entry").path()).expect("a WIT file"));
    texts.map(|text| text.replace("package flow:host@0.1.0;", "")).collect()
}

/// A component of the core module `wat` in the world `module` of `contract`, which may import more.
pub fn component(wat: &str, contract: &str, (packages, imports): (&str, &str)) -> Bytes {
    let contract = contract.replace("world module {", &format!("world module {{ {imports}"));
    let version = if wat.contains("@0.2.0#run") { "0.2.0" } else { "0.1.0" };
    let mut resolve = Resolve::default();
    let text = format!("package flow:host@{version};\n{contract}\n{packages}");
    let package = resolve.push_str("module.wit", &text).expect("the WIT is valid");
    let world = resolve.select_world(&[package], Some("module")).expect("the world is there");
    let mut module = wat::parse_str(wat).expect("the text is valid");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it embeds");
    let encoder = ComponentEncoder::default().validate(true).module(&module).expect("the module fits the world");
    { encoder }.encode().expect("it encodes").into()
}
