//! Members: adding, changing, removing, and logging in.

use flow_model::ids::Username;
use flow_model::rest::users::{UserBody, UserPatch};
use flow_model::roles::Role;
use flow_model::token::Holder;
use flow_test_support::on_both;

use crate::house::{House, not_found, page};

fn name(name: &str) -> Username {
    name.parse().expect("a name")
}

fn body(username: &str, role: Role) -> UserBody {
    UserBody { username: name(username), password: "correct horse".into(), role }
}

on_both! {
    async fn only_the_right_password_logs_in(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        broker.create_user(ada, body("bob", Role::User)).await.expect("a new member");
        for login in ["acme/bob", "bob@acme"] {
            let issued = broker.log_in(login, &"correct horse".into()).await.expect("an answer").expect("a token");
            assert_eq!(issued.holder, Holder::Tenant { tenant: ada.tenant.clone(), role: Role::User });
            assert_eq!(issued.subject, "bob");
        }
        for (login, password) in [
            ("acme/bob", "battery staple"),
            ("acme/nobody", "correct horse"),
            ("rival/bob", "correct horse"),
            ("bob", "correct horse"),
            ("../bob", "correct horse"),
        ] {
            assert_eq!(broker.log_in(login, &password.into()).await, Ok(None), "{login} logged in");
        }
    }

    async fn a_changed_member_logs_in_anew(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        broker.create_user(ada, body("bob", Role::User)).await.expect("a new member");
        let token = broker.log_in("acme/bob", &"correct horse".into()).await.expect("an answer").expect("a token");
        assert!(broker.live_token(token.id).await.expect("a look").is_some());
        let patch = UserPatch { password: Some("a new secret".into()), role: Some(Role::Op) };
        let changed = broker.patch_user(ada, &name("bob"), patch).await.expect("a change");
        assert_eq!(changed.role, Role::Op);
        assert_eq!(broker.live_token(token.id).await, Ok(None));
        assert_eq!(broker.log_in("acme/bob", &"correct horse".into()).await, Ok(None));
        let token = broker.log_in("acme/bob", &"a new secret".into()).await.expect("an answer").expect("a token");
        broker.delete_user(ada, &name("bob")).await.expect("it is there");
        assert_eq!(broker.live_token(token.id).await, Ok(None));
        assert_eq!(house.audited(ada).await, ["post_user", "patch_user", "delete_user"]);
    }

    async fn the_last_admin_stays(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        broker.create_user(ada, body("chief", Role::Admin)).await.expect("a new member");
        let expected = "user \"chief\": it is the tenant's last admin; give another user that role first";
        let demote = UserPatch { role: Some(Role::User), ..UserPatch::default() };
        let refused = broker.patch_user(ada, &name("chief"), demote.clone()).await.expect_err("the last one");
        assert_eq!(refused.to_string(), expected);
        assert_eq!(broker.delete_user(ada, &name("chief")).await.expect_err("the last one").to_string(), expected);
        broker.create_user(ada, body("deputy", Role::Admin)).await.expect("a new member");
        broker.patch_user(ada, &name("chief"), demote).await.expect("there is another");
    }

    async fn members_are_the_tenants_own(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada, eve) = (&house.broker, &house.ada, &house.eve);
        broker.create_user(ada, body("bob", Role::User)).await.expect("a new member");
        let taken = broker.create_user(ada, body("bob", Role::Op)).await.expect_err("the name is taken");
        assert_eq!(taken.to_string(), "user \"bob\": it exists already");
        assert!(not_found(broker.user(&eve.tenant, &name("bob")).await));
        assert!(not_found(broker.patch_user(eve, &name("bob"), UserPatch::default()).await));
        assert!(not_found(broker.delete_user(eve, &name("bob")).await));
        assert_eq!(broker.users(&eve.tenant, &page(50, 0, &[])).await.expect("a list").total, 0);
        let refused = broker.create_user(ada, body("root", Role::PlatformAdmin)).await.expect_err("not a tenant's role");
        assert_eq!(refused.to_string(), "role is not valid: use viewer, user, op or admin");
    }
}
