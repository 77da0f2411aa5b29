//! From fields to cells, from rows to fields.

use anyorm::{BelongsTo, Entity, Value};
use orm_core::ValueRef;
use orm_core::relation::{Link, LinkMut, ManyState, OneState};

use crate::entities::{Post, Tag, User, WorkOrder};
use crate::fake_row::FakeRow;

#[test]
fn an_entity_comes_back_from_its_own_cells() {
    let user = User {
        id: 7,
        email: "ada@example.org".into(),
        name: "Ada".into(),
        age: None,
        alias: "A".into(),
        active: true,
        created: "now".into(),
        score: 0.5,
        ..User::default()
    };
    let back: User = FakeRow::of(&user).decode().expect("its own cells fit");
    assert_eq!(User { posts: Default::default(), follows: Default::default(), ..back }, user);

    let post = Post {
        id: 3,
        title: "Notes".into(),
        author: BelongsTo::to_key(7),
        version: 2,
        meta: vec![1, 2].into(),
        ..Post::default()
    };
    let row = FakeRow::of(&post);
    assert_eq!(row.0[2..4], [Value::Int(7), Value::Null]);
    let back: Post = row.decode().expect("its own cells fit");
    assert_eq!((back.author.key(), back.reviewer.is_empty()), (Some(&7), true));
    assert_eq!(Post { tags: Default::default(), ..back }, post);
}

#[test]
fn a_composite_link_takes_its_columns_in_the_order_of_the_key() {
    let order = WorkOrder {
        year: 2024,
        number: "A1".into(),
        parent: BelongsTo::to_key((2023, "B2")),
        made_for: BelongsTo::to_key(5),
        twin: BelongsTo::to_key((2022, "C3")),
        ..WorkOrder::default()
    };
    let row = FakeRow::of(&order);
    let expected = ["2024", "'A1'", "2023", "'B2'", "5", "2022", "'C3'"];
    let shown: Vec<String> = row
        .0
        .iter()
        .map(|value| match value {
            Value::Int(v) => v.to_string(),
            Value::Text(v) => format!("'{v}'"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(shown, expected);
    let back: WorkOrder = row.decode().expect("its own cells fit");
    assert_eq!(back.parent.key(), Some(&(2023, "B2".to_owned())));
    assert_eq!(back.twin.key(), Some(&(2022, "C3".to_owned())));
}

#[test]
fn collections_of_a_row_are_not_loaded() {
    let user: User = FakeRow::of(&User::default()).decode().expect("its own cells fit");
    let Link::Many(posts) = user.link(0) else { panic!("posts is a collection") };
    assert_eq!(posts.state(), ManyState::NotLoaded);
    let Link::Many(follows) = user.link(1) else { panic!("follows is a collection") };
    assert_eq!(follows.state(), ManyState::NotLoaded);
}

#[test]
fn links_are_found_by_the_position_of_their_relation() {
    let mut post = Post { reviewer: BelongsTo::to_key(9), ..Post::default() };
    let Link::One(author) = post.link(0) else { panic!("author is a link") };
    assert!(matches!(author.state(), OneState::Empty));
    let Link::One(reviewer) = post.link(1) else { panic!("reviewer is a link") };
    assert!(matches!(reviewer.state(), OneState::Key(_)));
    let LinkMut::One(author) = post.link_mut(0) else { panic!("author is a link") };
    author.set_key(&4_i64);
    assert_eq!(post.author.key(), Some(&4));
    let LinkMut::Many(tags) = post.link_mut(2) else { panic!("tags is a collection") };
    tags.set_loaded(&[]);
    assert_eq!(post.tags.loaded(), Some(&[][..]));
}

#[test]
#[should_panic(expected = "`Tag` has no relation 0")]
fn a_position_that_is_no_relation_names_the_entity() {
    let _ = Tag::default().link(0);
}

#[test]
fn a_value_can_be_written_to_one_column() {
    let mut post = Post { author: BelongsTo::to_key(1), ..Post::default() };
    post.assign(Post::ID.position(), ValueRef::Int(12)).expect("an i32");
    post.assign(Post::VERSION.position(), ValueRef::Int(3)).expect("an i64");
    post.assign(Post::TITLE.position(), ValueRef::Text(b"New")).expect("a string");
    assert_eq!((post.id, post.version, post.title.as_str()), (12, 3, "New"));
    post.assign(Post::AUTHOR_ID.position(), ValueRef::Int(2)).expect("a key");
    assert_eq!(post.author.key(), Some(&2));
}

#[test]
fn a_value_that_does_not_fit_its_field_names_entity_and_column() {
    let error = Post::default().assign(Post::ID.position(), ValueRef::Int(1 << 40)).expect_err("not an i32");
    assert_eq!((error.entity, error.column.as_str()), (Some("Post"), "id"));
    assert_eq!(error.expected, "an integer that fits i32");

    let mut row = FakeRow::of(&User::default());
    row.0[2] = Value::Null;
    let error = row.decode::<User>().expect_err("name is not nullable");
    assert_eq!((error.index, error.found.as_str()), (2, "NULL"));
}

#[test]
fn a_row_that_is_too_short_is_an_error() {
    let mut row = FakeRow::of(&Tag { name: "a".into(), made_by: Some(1) });
    row.0.pop();
    assert_eq!(row.decode::<Tag>().expect_err("made_by is missing").index, 1);
}

#[test]
fn the_columns_that_differ_are_those_that_would_be_stored_otherwise() {
    let differences = |change: &dyn Fn(&mut Post)| -> Vec<u16> {
        let before = Post { author: BelongsTo::to_key(7), ..Post::default() };
        let mut after = before.clone();
        change(&mut after);
        let mut columns = Vec::new();
        after.differences(&before, &mut columns);
        columns
    };
    assert!(differences(&|_| {}).is_empty());
    assert!(differences(&|post| post.title = String::new()).is_empty());
    assert_eq!(differences(&|post| post.title.push('!')), [1]);
    assert!(differences(&|post| post.author = BelongsTo::to_key(7)).is_empty());
    assert_eq!(differences(&|post| post.author = BelongsTo::to_key(8)), [2]);
    assert_eq!(differences(&|post| post.reviewer = BelongsTo::to_key(0)), [3]);
    assert_eq!(differences(&|post| (post.id, post.version) = (1, 1)), [0, 4]);
    assert_eq!(differences(&|post| post.meta.push(1)), [5]);

    // A composite link is written as a whole.
    let order = WorkOrder { parent: BelongsTo::to_key((2023, "B2")), ..WorkOrder::default() };
    let moved = WorkOrder { parent: BelongsTo::to_key((2023, "B3")), ..order.clone() };
    let mut columns = Vec::new();
    moved.differences(&order, &mut columns);
    assert_eq!(columns, [2, 3]);
}
