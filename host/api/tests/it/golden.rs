//! Outcomes kept in files beside the tests, to be read before they are accepted.

use std::path::Path;

/// Fails unless `tests/it/NAME.golden` is `outcome`.
pub(crate) fn keep(name: &str, outcome: &str) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/{name}.golden"));
    if std::fs::read_to_string(&kept).is_ok_and(|kept| kept == outcome) {
        return;
    }
    let new = kept.with_extension("golden.new");
    std::fs::write(&new, outcome).expect("the folder can be written");
    panic!("{name} has changed: read {0}, then `mv {0} {1}`", new.display(), kept.display());
}
