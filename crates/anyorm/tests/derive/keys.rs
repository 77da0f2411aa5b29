//! The key of a value, and when it has none yet.

use anyorm::Entity;

use crate::entities::{Post, Tag, User, WorkOrder};

#[test]
fn an_assigned_key_is_none_until_it_differs_from_zero() {
    assert_eq!(User::default().key(), None);
    assert_eq!(User { id: 7, ..User::default() }.key(), Some(7));
    assert_eq!(Post { id: -1, ..Post::default() }.key(), Some(-1));
}

#[test]
fn a_key_of_the_users_own_is_always_there() {
    assert_eq!(Tag::default().key(), Some(String::new()));
}

#[test]
fn a_composite_key_is_a_tuple_in_the_order_of_the_fields() {
    let order = WorkOrder { year: 2024, number: "A1".into(), ..WorkOrder::default() };
    assert_eq!(order.key(), Some((2024, "A1".to_owned())));
}
