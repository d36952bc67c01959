//! What the JSON of a DAG leaves out.

/// Whether `value` is what its absence means.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
