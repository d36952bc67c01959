//! Every way in which a token can be wrong, each with the exact refusal.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow_broker::{PublicKey, SigningKey};
use flow_model::ids::{AttemptId, TokenId};
use flow_model::port::TenantScope;
use flow_model::roles::Role;
use flow_model::time::Millis;
use flow_model::uses::Uses;
use flow_model::work::{AttemptClaims, AttemptRole};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::claims::{ApiClaims, AttemptToken, Claims, Own, Registered, WorkerClaims};
use super::verify::{TokenError, verify};
use super::{Keyring, Stamp};

const NOW: Millis = Millis(1_800_000_000_000);
const HOUR: i64 = 3_600_000;

/// A key by its kid and the byte that its seed consists of.
type Key = (&'static str, u8);

const fn key(kid: &'static str, byte: u8) -> Key {
    (kid, byte)
}

fn pair(byte: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).expect("a good seed")
}

/// A keyring of these keys, the newest last.
fn ring(keys: &[Key]) -> Keyring {
    let (kid, byte) = keys.last().expect("a key");
    let pkcs8 = pair(*byte).to_pkcs8v1().expect("a document").as_ref().to_vec();
    let public: Vec<_> = keys
        .iter()
        .map(|(kid, byte)| PublicKey {
            kid: (*kid).to_owned(),
            bytes: pair(*byte).public_key().as_ref().to_vec(),
            created_at: NOW,
            retired_at: None,
        })
        .collect();
    Keyring::new(&SigningKey { kid: (*kid).to_owned(), pkcs8 }, &public)
}

fn api() -> ApiClaims {
    ApiClaims { tenant: Some("acme".parse().expect("a good name")), role: Role::User }
}

fn token<T: Own>(keys: &Keyring, own: T) -> String {
    let stamp = Stamp { jti: TokenId::mint(NOW, [3; 10]), subject: "ann".to_owned(), expires: Millis(NOW.0 + HOUR) };
    let registered = Registered::new(stamp, T::AUDIENCE, NOW);
    keys.sign(&Claims { registered, own }).expect("the key signs")
}

/// The claims of a good api token, to be spoiled.
fn claims() -> Value {
    json!({
        "iss": "flow-host", "aud": "api", "sub": "ann", "exp": 1_800_003_600, "nbf": 1_800_000_000,
        "iat": 1_800_000_000, "jti": "019f0000-0000-7000-8000-000000000000", "tenant": "acme", "role": "user",
    })
}

fn refusal<T: Own + std::fmt::Debug>(token: &str) -> TokenError {
    verify::<T>(&ring(&[key("a", 1)]), token, NOW).expect_err("the token was accepted")
}

fn signed(claims: &Value) -> String {
    ring(&[key("a", 1)]).sign(claims).expect("the key signs")
}

/// A token with this header and these claims as they are written, properly signed by key `a`.
fn written(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair(1).sign(message.as_bytes())))
}

const HEADER: &str = r#"{"typ":"JWT","alg":"EdDSA","kid":"a"}"#;

#[test]
fn a_good_token_comes_back_as_it_went() {
    let keys = ring(&[key("a", 1)]);
    let (registered, own) = verify::<ApiClaims>(&keys, &token(&keys, api()), NOW).expect("it is good");
    assert_eq!(own, api());
    assert_eq!((registered.sub.as_str(), registered.exp), ("ann", 1_800_003_600));
    assert!(verify::<ApiClaims>(&keys, &written(HEADER, &claims().to_string()), NOW).is_ok());
}

#[test]
fn an_attempt_token_carries_what_the_attempt_is() {
    let keys = ring(&[key("a", 1)]);
    let claims = AttemptClaims {
        attempt: AttemptId::mint(NOW, [1; 10]),
        tenant: "acme".parse().expect("a good name"),
        role: AttemptRole::Task {
            dag: "d".parse().expect("a good name"),
            run: "r".parse().expect("a good name"),
            task: "t".parse().expect("a good name"),
            map_index: Some(3),
            try_number: 2,
        },
        uses: Uses { variables: vec!["region".to_owned()], ..Uses::default() },
        expires: Millis(NOW.0 + HOUR),
    };
    let token = token(&keys, AttemptToken { claims: claims.clone() });
    let (_, own) = verify::<AttemptToken>(&keys, &token, NOW).expect("it is good");
    assert_eq!(own.claims, claims);
}

#[test]
fn audiences_are_never_taken_for_one_another() {
    let keys = ring(&[key("a", 1)]);
    let (api, worker) = (token(&keys, api()), token(&keys, WorkerClaims { tenants: TenantScope::All }));
    assert_eq!(refusal::<WorkerClaims>(&api), TokenError::Audience);
    assert_eq!(refusal::<AttemptToken>(&api), TokenError::Audience);
    assert_eq!(refusal::<ApiClaims>(&worker), TokenError::Audience);
    assert_eq!(refusal::<AttemptToken>(&worker), TokenError::Audience);
    let mut both = claims();
    both["aud"] = json!(["api", "worker"]);
    assert_eq!(refusal::<ApiClaims>(&signed(&both)), TokenError::Malformed, "one token, one audience");
}

#[test]
fn every_claim_is_required() {
    for claim in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(claim);
        assert_eq!(refusal::<ApiClaims>(&signed(&claims)), TokenError::Missing(claim.to_owned()));
    }
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove("role");
    assert_eq!(refusal::<ApiClaims>(&signed(&claims)), TokenError::Malformed);
}

#[test]
fn claims_with_other_values_are_refused() {
    for (claim, value, expected) in [
        ("iss", json!("somebody"), TokenError::Issuer),
        ("exp", json!(1_799_999_995), TokenError::Expired),
        ("exp", json!(0), TokenError::Expired),
        ("exp", json!(-1), TokenError::Missing("exp".to_owned())),
        ("exp", json!(1e30), TokenError::Missing("exp".to_owned())),
        ("exp", json!("tomorrow"), TokenError::Missing("exp".to_owned())),
        ("nbf", json!(1_800_000_006), TokenError::NotYet),
        ("iat", json!(1_800_000_006), TokenError::NotYet),
        ("iat", json!("now"), TokenError::Malformed),
        ("jti", json!("not-an-id"), TokenError::Malformed),
        ("tenant", json!("../acme"), TokenError::Malformed),
        ("role", json!("root"), TokenError::Malformed),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        assert_eq!(refusal::<ApiClaims>(&signed(&claims)), expected, "{claim} = {value}");
    }
}

#[test]
fn the_leeway_is_five_seconds_and_no_more() {
    let keys = ring(&[key("a", 1)]);
    let token = signed(&claims());
    for (seconds, accepted) in [(-6, false), (-5, true), (0, true), (3_604, true), (3_605, false)] {
        let at = Millis(NOW.0 + seconds * 1_000);
        assert_eq!(verify::<ApiClaims>(&keys, &token, at).is_ok(), accepted, "{seconds} s after it was issued");
    }
}

#[test]
fn a_claim_that_is_there_twice_is_refused() {
    for twice in [r#""sub":"bob""#, r#""exp":1900000000"#, r#""tenant":"other""#, r#""role":"admin""#, r#""jti":null"#]
    {
        let claims = claims().to_string().replacen('{', &format!("{{{twice},"), 1);
        assert_eq!(refusal::<ApiClaims>(&written(HEADER, &claims)), TokenError::Malformed, "{twice}");
    }
}

#[test]
fn only_our_algorithm_and_our_keys_are_accepted() {
    let claims = claims().to_string();
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"a"}"#), URL_SAFE_NO_PAD.encode(&claims));
    assert_eq!(refusal::<ApiClaims>(&none), TokenError::Malformed, "alg none");

    let public = pair(1).public_key().as_ref().to_vec();
    let header = Header { kid: Some("a".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused =
        jsonwebtoken::encode(&header, &self::claims(), &EncodingKey::from_secret(&public)).expect("it signs");
    assert_eq!(refusal::<ApiClaims>(&confused), TokenError::Algorithm, "the public key as an HMAC secret");

    let forged = ring(&[key("a", 2)]).sign(&self::claims()).expect("it signs");
    assert_eq!(refusal::<ApiClaims>(&forged), TokenError::Signature, "another key under the same kid");

    for (header, expected) in [
        (r#"{"alg":"EdDSA"}"#, TokenError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"../../etc/passwd"}"#, TokenError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"' OR 1=1 --"}"#, TokenError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"a","kid":"b"}"#, TokenError::Malformed),
        (r#"{"alg":"EdDSA","kid":"a","crit":["b64"],"b64":false}"#, TokenError::Malformed),
    ] {
        assert_eq!(refusal::<ApiClaims>(&written(header, &claims)), expected, "{header}");
    }
}

#[test]
fn what_is_no_token_at_all_is_refused() {
    let good = signed(&claims());
    let (head, signature) = good.rsplit_once('.').expect("three parts");
    for (text, expected) in [
        (String::new(), TokenError::Malformed),
        ("a.b".to_owned(), TokenError::Malformed),
        ("a.b.c.d".to_owned(), TokenError::Malformed),
        ("....".to_owned(), TokenError::Malformed),
        (format!("{head}."), TokenError::Signature),
        (format!("{head}.{}", &signature[1..]), TokenError::Malformed),
        (format!("{good}="), TokenError::Malformed),
        ("x".repeat(1 << 20), TokenError::TooLong),
    ] {
        assert_eq!(refusal::<ApiClaims>(&text), expected, "{text:.40}");
    }
}

#[test]
fn keys_rotate_without_ending_what_they_signed() {
    let old = token(&ring(&[key("a", 1)]), api());
    let both = ring(&[key("a", 1), key("b", 2)]);
    assert!(verify::<ApiClaims>(&both, &old, NOW).is_ok(), "the old key is still current");
    let new = token(&both, api());
    assert_eq!(refusal::<ApiClaims>(&new), TokenError::UnknownKey, "the newest key signs");
    let later = ring(&[key("b", 2)]);
    assert!(verify::<ApiClaims>(&later, &new, NOW).is_ok());
    assert_eq!(verify::<ApiClaims>(&later, &old, NOW).expect_err("retired"), TokenError::UnknownKey);
}

#[test]
fn the_public_document_holds_public_halves_alone() {
    let keys = ring(&[key("a", 1), key("b", 2)]);
    let text = keys.jwks().to_string();
    assert_eq!(keys.jwks()["keys"].as_array().map(Vec::len), Some(2));
    for key in keys.jwks()["keys"].as_array().expect("a list") {
        let names: Vec<_> = key.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
    assert!(!text.contains(&URL_SAFE_NO_PAD.encode([1_u8; 32])), "the seed is not in it");
}
