//! Whether a token is ours, for this audience, and valid now. Pure: the keys and the instant are arguments.

use flow_model::ids::TokenId;
use flow_model::time::Millis;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::claims::{Own, Registered, seconds};
use super::{ISSUER, Keyring, LEEWAY};

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is longer than any that we sign.
    #[error("the token is too long")]
    TooLong,
    /// It is not a JWT, or its claims are not those of its audience.
    #[error("the token is malformed")]
    Malformed,
    /// It is signed by another algorithm than `EdDSA`, or by none.
    #[error("the token's algorithm is not accepted: only EdDSA is")]
    Algorithm,
    /// No key of ours has its `kid`.
    #[error("the token is signed by a key that is not, or no longer, known here")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is wrong")]
    Signature,
    /// A required claim is not there.
    #[error("the token lacks the claim `{0}`")]
    Missing(String),
    /// It was issued by someone else.
    #[error("the token was issued by someone else")]
    Issuer,
    /// It is meant for another door.
    #[error("the token is for another audience")]
    Audience,
    /// It has expired.
    #[error("the token has expired: get a new one")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet: check the clocks")]
    NotYet,
}

/// The claims of `token`, if it is one of ours for audience `T`, valid at `now`.
pub(super) fn verify<T: Own>(ring: &Keyring, token: &str, now: Millis) -> Result<(Registered, T), TokenError> {
    if token.len() > T::MAX_LENGTH {
        return Err(TokenError::TooLong);
    }
    let header = decode_header(token).map_err(|error| read(&error))?;
    if header.alg != Algorithm::EdDSA {
        return Err(TokenError::Algorithm);
    }
    // Whoever sets `crit` demands that we understand an extension; we know none.
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let kid = header.kid.ok_or(TokenError::UnknownKey)?;
    let key = ring.verifier(&kid).ok_or(TokenError::UnknownKey)?;
    let raw = decode::<Box<RawValue>>(token, key, &validation::<T>()).map_err(|error| read(&error))?.claims;
    // Read as text twice, so that a claim which is there twice is seen and refused.
    let registered = registered(&raw)?;
    in_time(&registered, now)?;
    Ok((registered, parse(&raw)?))
}

/// Everything but time, which the library can only take from the machine's clock.
fn validation<T: Own>() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    validation.set_audience(&[T::AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

fn in_time(claims: &Registered, now: Millis) -> Result<(), TokenError> {
    let now = seconds(now);
    let latest = now.saturating_add(LEEWAY);
    if claims.exp.saturating_add(LEEWAY) <= now {
        Err(TokenError::Expired)
    } else if claims.nbf > latest || claims.iat > latest {
        Err(TokenError::NotYet)
    } else {
        Ok(())
    }
}

/// The registered claims before it is known that all are there. The library requires all but the last two itself.
#[derive(Deserialize)]
struct Unchecked {
    iss: String,
    aud: String,
    sub: String,
    exp: u64,
    nbf: u64,
    iat: Option<u64>,
    jti: Option<TokenId>,
}

fn registered(raw: &RawValue) -> Result<Registered, TokenError> {
    let Unchecked { iss, aud, sub, exp, nbf, iat, jti } = parse(raw)?;
    let iat = iat.ok_or(TokenError::Missing("iat".to_owned()))?;
    let jti = jti.ok_or(TokenError::Missing("jti".to_owned()))?;
    Ok(Registered { iss, aud, sub, exp, nbf, iat, jti })
}

fn parse<'de, C: Deserialize<'de>>(raw: &'de RawValue) -> Result<C, TokenError> {
    serde_json::from_str(raw.get()).map_err(|_| TokenError::Malformed)
}

fn read(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        ErrorKind::MissingRequiredClaim(claim) => TokenError::Missing(claim.clone()),
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        // The library may add kinds; whatever else it finds, the token is not a JWT as we write them.
        _ => TokenError::Malformed,
    }
}
