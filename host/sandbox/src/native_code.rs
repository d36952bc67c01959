//! Native code that this host's compiler made, and the proof of it.
//!
//! Whoever can make the host load other bytes owns the host. So code leaves memory only under a seal that binds it to
//! the component and to the engine, and nothing but a [`NativeCode`] can be loaded.

use aws_lc_rs::{constant_time, hmac};
use flow_model::ids::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

/// What a seal is made of changes with this label.
const LABEL: &[u8] = b"cwasm/v1";
/// The length of a seal in bytes.
const SEAL: usize = 32;

/// Compiled code that can be trusted.
pub(crate) struct NativeCode {
    /// The bytes as they are stored: the seal, then the code.
    sealed: Vec<u8>,
}

/// Seals code and checks seals, for one engine.
pub(crate) struct Sealer {
    key: hmac::Key,
    compatibility: [u8; 32],
}

impl Sealer {
    /// A sealer under the host's secret. Code of an engine with another `compatibility` fails its check.
    pub(crate) fn new(secret: &[u8; 32], compatibility: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), compatibility }
    }

    /// Vouches for code that the compiler made of the component `digest` just now.
    pub(crate) fn seal(&self, digest: &Digest, code: &[u8]) -> NativeCode {
        let mut sealed = self.tag(digest, code).as_ref().to_vec();
        sealed.extend_from_slice(code);
        NativeCode { sealed }
    }

    /// The code in `sealed`, if this host sealed it for the component `digest` and for this engine.
    pub(crate) fn unseal(&self, digest: &Digest, sealed: Vec<u8>) -> Option<NativeCode> {
        let (seal, code) = sealed.split_at_checked(SEAL)?;
        constant_time::verify_slices_are_equal(self.tag(digest, code).as_ref(), seal).ok()?;
        Some(NativeCode { sealed })
    }

    fn tag(&self, digest: &Digest, code: &[u8]) -> hmac::Tag {
        let length = u64::try_from(code.len()).unwrap_or(u64::MAX);
        let mut context = hmac::Context::with_key(&self.key);
        context.update(LABEL);
        context.update(&digest.0);
        context.update(&self.compatibility);
        context.update(&length.to_le_bytes());
        context.update(code);
        context.sign()
    }
}

impl NativeCode {
    /// The bytes to store.
    pub(crate) fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Makes the code runnable.
    #[expect(unsafe_code, reason = "the one place where native code enters the process")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` requires bytes that wasmtime's own compiler made and nobody changed. A `NativeCode` has
        // two sources: `Sealer::seal`, called with the compile child's answer alone, and `Sealer::unseal`, which checked
        // the host's HMAC over every byte. The bytes are in this process's own memory, so nobody changes them between
        // the check and the load.
        unsafe { Component::deserialize(engine, &self.sealed[SEAL..]) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: Digest = Digest([3; 32]);

    proptest! {
        #[test]
        fn code_with_any_bit_flipped_is_not_trusted(
            code in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), bit in 0_u8..8,
        ) {
            let sealer = Sealer::new(&[1; 32], [2; 32]);
            let mut sealed = sealer.seal(&DIGEST, &code).sealed().to_vec();
            prop_assert!(sealer.unseal(&DIGEST, sealed.clone()).is_some());
            let at = at.index(sealed.len());
            sealed[at] ^= 1_u8 << bit;
            prop_assert!(sealer.unseal(&DIGEST, sealed).is_none());
        }

        #[test]
        fn cut_or_extended_code_is_not_trusted(code in prop::collection::vec(any::<u8>(), 1..300), keep in 0_usize..300) {
            let sealer = Sealer::new(&[1; 32], [2; 32]);
            let sealed = sealer.seal(&DIGEST, &code).sealed().to_vec();
            let cut = sealed[..keep.min(sealed.len() - 1)].to_vec();
            prop_assert!(sealer.unseal(&DIGEST, cut).is_none());
            prop_assert!(sealer.unseal(&DIGEST, [sealed, vec![0]].concat()).is_none());
        }
    }

    #[test]
    fn a_seal_holds_for_one_component_one_engine_and_one_host() {
        let sealed = Sealer::new(&[1; 32], [2; 32]).seal(&DIGEST, b"code").sealed().to_vec();
        assert!(Sealer::new(&[1; 32], [2; 32]).unseal(&Digest([4; 32]), sealed.clone()).is_none());
        assert!(Sealer::new(&[1; 32], [9; 32]).unseal(&DIGEST, sealed.clone()).is_none());
        assert!(Sealer::new(&[9; 32], [2; 32]).unseal(&DIGEST, sealed).is_none());
    }
}
