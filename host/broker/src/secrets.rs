//! Secrets at rest: every tenant has a data key of its own, and all data keys are wrapped under one master key.
//!
//! A sealed value is bound to its place, so that one moved to another tenant, key or column does not open. The master key
//! can be replaced: data keys are then wrapped anew, and no value has to be touched.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use flow_model::ids::{ConnectionId, TenantId, VariableKey};
use flow_model::time::Entropy;
use flow_store::key::WrappedKey;

use crate::error::ServiceError;

/// How sealed values begin, so that another format can tell them apart.
const FORMAT: u8 = 1;
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;

/// Where a sealed value belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A tenant's data key.
    DataKey(&'a str),
    /// The private half of a signing key.
    SigningKey(&'a str),
    /// A variable's value.
    Variable(&'a TenantId, &'a VariableKey),
    /// A connection's password.
    Password(&'a TenantId, &'a ConnectionId),
    /// A connection's extra.
    Extra(&'a TenantId, &'a ConnectionId),
}

impl Place<'_> {
    /// The place as associated data. No name holds a NUL, so no two places share a text.
    fn associated_data(&self) -> String {
        match self {
            Self::DataKey(tenant) => format!("data-key\0{tenant}"),
            Self::SigningKey(kid) => format!("signing-key\0{kid}"),
            Self::Variable(tenant, key) => format!("variable\0{tenant}\0{key}"),
            Self::Password(tenant, id) => format!("connection-password\0{tenant}\0{id}"),
            Self::Extra(tenant, id) => format!("connection-extra\0{tenant}\0{id}"),
        }
    }
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// It was sealed under a master key that is not at hand.
    #[error("it is sealed under master key {0}, which was not given")]
    UnknownMasterKey(String),
    /// It was changed, moved, or sealed under another key.
    #[error("the value at {0:?} does not open")]
    Damaged(String),
}

impl From<SecretError> for ServiceError {
    fn from(error: SecretError) -> Self {
        tracing::error!(%error, "a secret could not be opened");
        Self::Internal
    }
}

/// A key that seals and opens.
pub(crate) struct Key(LessSafeKey);

impl Key {
    fn new(bytes: &[u8; KEY_LEN]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM_SIV, bytes);
        // The length is that of the algorithm, and nothing else can be wrong with a key.
        Self(LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("a key of {KEY_LEN} bytes"))))
    }

    /// Seals `plain` for `place`.
    pub(crate) fn seal(&self, entropy: &Entropy, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        entropy(&mut nonce);
        let mut body = Vec::with_capacity(plain.len() + TAG_LEN);
        body.extend_from_slice(plain);
        let aad = Aad::from(place.associated_data());
        let sealed = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body);
        // Sealing fails only beyond 64 GiB; values are limited to megabytes.
        sealed.unwrap_or_else(|_| unreachable!("a value of {} bytes", plain.len()));
        [&[FORMAT], nonce.as_slice(), &body].concat()
    }

    /// Opens what was sealed for `place`.
    pub(crate) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SecretError> {
        let damaged = || SecretError::Damaged(place.associated_data().replace('\0', "/"));
        let body = sealed.strip_prefix(&[FORMAT]).ok_or_else(damaged)?;
        let (nonce, body) = body.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut body = body.to_vec();
        let aad = Aad::from(place.associated_data());
        let plain =
            self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut body).map_err(|_| damaged())?;
        let length = plain.len();
        body.truncate(length);
        Ok(body)
    }

    /// Opens a text that was sealed for `place`.
    pub(crate) fn open_text(&self, place: &Place<'_>, sealed: &[u8]) -> Result<String, SecretError> {
        let plain = self.open(place, sealed)?;
        String::from_utf8(plain).map_err(|_| SecretError::Damaged(place.associated_data().replace('\0', "/")))
    }
}

/// The first eight of some bytes in hexadecimal: enough to tell keys apart, and nothing to find one by.
pub(crate) fn short_id(bytes: &[u8]) -> String {
    let first: [u8; 8] = std::array::from_fn(|at| bytes.get(at).copied().unwrap_or(0));
    format!("{:016x}", u64::from_be_bytes(first))
}

/// A master key and the id by which rows name it.
struct MasterKey {
    kid: String,
    key: Key,
}

impl MasterKey {
    fn new(bytes: &[u8; KEY_LEN]) -> Self {
        let named = [b"flow-host master key\0".as_slice(), bytes].concat();
        Self { kid: short_id(digest(&SHA256, &named).as_ref()), key: Key::new(bytes) }
    }
}

/// The master keys: one that seals, and those before it that still open.
pub(crate) struct Secrets {
    current: MasterKey,
    former: Vec<MasterKey>,
    entropy: Entropy,
}

impl Secrets {
    pub(crate) fn new(current: &[u8; KEY_LEN], former: &[[u8; KEY_LEN]], entropy: Entropy) -> Self {
        Self { current: MasterKey::new(current), former: former.iter().map(MasterKey::new).collect(), entropy }
    }

    /// The id of the master key that seals.
    pub(crate) fn master_kid(&self) -> &str {
        &self.current.kid
    }

    /// Seals `plain` under the master key.
    pub(crate) fn seal_under_master(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        self.current.key.seal(&self.entropy, place, plain)
    }

    /// Opens what was sealed under the master key of this id.
    pub(crate) fn open_under(&self, kid: &str, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SecretError> {
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        let master = keys.find(|master| master.kid == kid);
        master.ok_or_else(|| SecretError::UnknownMasterKey(kid.to_owned()))?.key.open(place, sealed)
    }

    /// A new data key for a tenant, wrapped.
    pub(crate) fn new_data_key(&self, tenant: &TenantId) -> WrappedKey {
        let mut key = [0; KEY_LEN];
        (self.entropy)(&mut key);
        self.wrap(tenant.as_str(), &key)
    }

    fn wrap(&self, tenant: &str, key: &[u8]) -> WrappedKey {
        let wrapped = self.seal_under_master(&Place::DataKey(tenant), key);
        WrappedKey { tenant: tenant.to_owned(), master_kid: self.current.kid.clone(), wrapped }
    }

    /// The same data key, wrapped under the present master key.
    pub(crate) fn rewrap(&self, key: &WrappedKey) -> Result<WrappedKey, SecretError> {
        let plain = self.open_under(&key.master_kid, &Place::DataKey(&key.tenant), &key.wrapped)?;
        Ok(self.wrap(&key.tenant, &plain))
    }

    /// A tenant's data key, ready to seal and open.
    pub(crate) fn unwrap(&self, key: &WrappedKey) -> Result<Key, SecretError> {
        let place = Place::DataKey(&key.tenant);
        let plain = self.open_under(&key.master_kid, &place, &key.wrapped)?;
        let bytes: &[u8; KEY_LEN] = plain
            .as_slice()
            .try_into()
            .map_err(|_| SecretError::Damaged(place.associated_data().replace('\0', "/")))?;
        Ok(Key::new(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn entropy() -> Entropy {
        let next = AtomicU8::new(0);
        Arc::new(move |bytes: &mut [u8]| bytes.fill_with(|| next.fetch_add(1, Ordering::Relaxed)))
    }

    fn secrets(current: u8, former: &[u8]) -> Secrets {
        let former: Vec<_> = former.iter().map(|&byte| [byte; KEY_LEN]).collect();
        Secrets::new(&[current; KEY_LEN], &former, entropy())
    }

    fn names() -> (TenantId, TenantId, VariableKey, VariableKey, ConnectionId) {
        let tenant = |name: &str| name.parse::<TenantId>().expect("a tenant's name");
        let key = |name: &str| name.parse::<VariableKey>().expect("a key");
        (tenant("a"), tenant("b"), key("k"), key("l"), "k".parse().expect("a connection id"))
    }

    proptest! {
        #[test]
        fn a_value_opens_only_in_its_place(plain in proptest::collection::vec(any::<u8>(), 0..200), flip in any::<usize>()) {
            let secrets = secrets(1, &[]);
            let (a, b, k, l, id) = names();
            let key = secrets.unwrap(&secrets.new_data_key(&a)).expect("its own key");
            let place = Place::Variable(&a, &k);
            let mut sealed = key.seal(&secrets.entropy, &place, &plain);
            prop_assert_eq!(key.open(&place, &sealed).expect("its place"), plain);
            for other in [Place::Variable(&b, &k), Place::Variable(&a, &l), Place::Password(&a, &id), Place::Extra(&a, &id)] {
                prop_assert!(key.open(&other, &sealed).is_err());
            }
            let flip = flip % (sealed.len() * 8);
            sealed[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(key.open(&place, &sealed).is_err());
        }

        #[test]
        fn what_is_cut_off_does_not_open(length in 0..40usize) {
            let secrets = secrets(1, &[]);
            let (a, _, k, _, _) = names();
            let key = secrets.unwrap(&secrets.new_data_key(&a)).expect("its own key");
            let sealed = key.seal(&secrets.entropy, &Place::Variable(&a, &k), b"a secret of some length, 40 bytes or so.");
            prop_assert!(key.open(&Place::Variable(&a, &k), &sealed[..length]).is_err());
        }
    }

    #[test]
    fn tenants_do_not_share_a_key() {
        let secrets = secrets(1, &[]);
        let (a, b, k, _, _) = names();
        let [of_a, of_b] = [&a, &b].map(|tenant| secrets.new_data_key(tenant));
        let sealed = secrets.unwrap(&of_a).expect("a's").seal(&secrets.entropy, &Place::Variable(&a, &k), b"x");
        assert!(secrets.unwrap(&of_b).expect("b's").open(&Place::Variable(&a, &k), &sealed).is_err());
        let stolen = WrappedKey { tenant: "b".to_owned(), ..of_a };
        assert!(secrets.unwrap(&stolen).is_err(), "a's key opened as b's");
    }

    #[test]
    fn the_master_key_can_be_replaced() {
        let (a, _, k, _, _) = names();
        let place = Place::Variable(&a, &k);
        let before = secrets(1, &[]);
        let wrapped = before.new_data_key(&a);
        let sealed = before.unwrap(&wrapped).expect("its own key").seal(&before.entropy, &place, b"kept");

        let refused = secrets(2, &[]).unwrap(&wrapped).err().expect("an unknown master key");
        assert_eq!(
            refused.to_string(),
            format!("it is sealed under master key {}, which was not given", before.master_kid())
        );

        let rewrapped = secrets(2, &[1]).rewrap(&wrapped).expect("the former key is at hand");
        let after = secrets(2, &[]);
        assert_eq!(rewrapped.master_kid, after.master_kid());
        assert_eq!(after.unwrap(&rewrapped).expect("the new key").open(&place, &sealed).expect("the value"), b"kept");
    }
}
