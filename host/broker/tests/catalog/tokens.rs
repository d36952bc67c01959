//! Issued tokens: who may issue which, and when one ceases to open anything.

use std::time::Duration;

use flow_model::rest::tokens::{TokenBody, WorkerTokenBody};
use flow_model::roles::Role;
use flow_model::token::Holder;
use flow_test_support::on_both;

use crate::house::{House, not_found, page};

fn body(role: Role) -> TokenBody {
    TokenBody { subject: "ci".to_owned(), role, note: None, expires_in: None }
}

on_both! {
    async fn a_token_lives_until_it_expires_or_is_revoked(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let first = broker.issue_token(ada, body(Role::Op)).await.expect("a token");
        assert_eq!(first.holder, Holder::Tenant { tenant: ada.tenant.clone(), role: Role::Op });
        assert_eq!(broker.live_token(first.id).await, Ok(Some(first.clone())));
        assert!(not_found(broker.revoke_token(&house.eve, first.id).await), "it is not hers");
        assert!(not_found(broker.revoke_platform_token(&house.platform, first.id).await), "it is not the platform's");
        broker.revoke_token(ada, first.id).await.expect("it is there");
        assert_eq!(broker.live_token(first.id).await, Ok(None));

        let second = broker.issue_token(ada, TokenBody { expires_in: Some(60), ..body(Role::User) }).await;
        let second = second.expect("a token");
        assert!(broker.live_token(second.id).await.expect("a look").is_some());
        house.clock.advance(Duration::from_mins(1));
        assert_eq!(broker.live_token(second.id).await, Ok(None));
        assert_eq!(broker.tokens(&ada.tenant, &page(50, 0, &[])).await.expect("a list").total, 2);
        assert_eq!(broker.tokens(&house.eve.tenant, &page(50, 0, &[])).await.expect("a list").total, 0);
    }

    async fn nobody_issues_more_than_he_has(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let user = flow_broker::Actor { role: Role::User, ..ada.clone() };
        let refused = broker.issue_token(&user, body(Role::Op)).await.expect_err("more than a user");
        assert_eq!(refused.to_string(), "not allowed: a token of role op is more than your own role");
        let refused = broker.issue_token(ada, body(Role::PlatformAdmin)).await.expect_err("another kind");
        assert_eq!(refused.to_string(), "not allowed: a token of role platform-admin is more than your own role");
        let refused = broker.issue_platform_token(&house.platform, body(Role::Admin)).await.expect_err("another kind");
        assert_eq!(refused.to_string(), "role is not valid: use platform-admin, or ask for a token of a tenant");
        for seconds in [0, 59, 34_560_001] {
            let refused = broker.issue_token(ada, TokenBody { expires_in: Some(seconds), ..body(Role::User) }).await;
            assert_eq!(refused.expect_err("a bad life").to_string(), "expires_in is not valid: use 60 to 34560000 seconds");
        }
    }

    async fn the_platform_has_tokens_of_its_own(db: TestStore) {
        let house = House::open(db).await;
        let (broker, root) = (&house.broker, &house.platform);
        assert_eq!(broker.has_platform_token().await, Ok(false));
        let platform = broker.issue_platform_token(root, body(Role::PlatformAdmin)).await.expect("a token");
        assert_eq!((platform.holder, broker.has_platform_token().await), (Holder::Platform, Ok(true)));
        let worker = |tenants| WorkerTokenBody { subject: "w1".to_owned(), tenants, note: None, expires_in: None };
        broker.issue_worker_token(root, worker(None)).await.expect("a token");
        broker.issue_worker_token(root, worker(Some(vec![house.ada.tenant.clone()]))).await.expect("a token");
        let nobody = vec!["nobody".parse().expect("a tenant's name")];
        assert!(not_found(broker.issue_worker_token(root, worker(Some(nobody))).await));
        let list = broker.platform_tokens(&page(50, 0, &["created_at"])).await.expect("a list");
        let shown: Vec<_> = list.entries.iter().map(|token| (token.audience, token.tenants.is_some())).collect();
        assert_eq!(shown.iter().filter(|(_, scoped)| *scoped).count(), 1);
        assert_eq!(list.total, 3);
        let issued = broker.issue_tenant_token(root, &house.ada.tenant, body(Role::Admin)).await.expect("a token");
        assert!(matches!(issued.holder, Holder::Tenant { .. }));
        let seen = flow_broker::Actor { name: "platform:root".to_owned(), ..house.ada.clone() };
        assert_eq!(house.audited(&seen).await, ["post_token"]);
    }
}
