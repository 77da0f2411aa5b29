//! Tables, columns, relations, constants.

use anyorm::{Column, Entity, Relation};
use orm_core::ColumnType;
use orm_core::entity::{EntityMeta, LinkTable, OnDelete, RelationKind};
use orm_core::relation::{Many, ManyThrough, One, OneOrNone};

use crate::entities::{Post, Tag, User, WorkOrder};

#[test]
fn a_table_has_the_name_given_or_that_of_the_struct() {
    assert_eq!((User::meta().name, User::meta().table), ("User", "users"));
    assert_eq!((WorkOrder::meta().name, WorkOrder::meta().table), ("WorkOrder", "work_order"));
}

#[test]
fn columns_stand_in_the_order_of_the_fields() {
    assert_eq!(names(User::meta()), ["id", "email", "name", "age", "nick", "active", "created", "score"]);
    assert_eq!(names(Post::meta()), ["id", "title", "author_id", "ReviewerId", "version", "meta"]);
    assert_eq!(
        names(WorkOrder::meta()),
        ["year", "number", "parent_year", "parent_number", "made_for_id", "twin_year", "twin_number"]
    );
    let fields: Vec<_> = WorkOrder::meta().columns.iter().map(|column| column.field).collect();
    assert_eq!(fields, ["year", "number", "parent", "parent", "made_for", "twin", "twin"]);
}

#[test]
fn types_and_nullability_come_from_the_fields_and_from_the_keys_pointed_to() {
    let types = |meta: &EntityMeta| meta.columns.iter().map(|c| (c.ty, c.nullable)).collect::<Vec<_>>();
    use ColumnType::*;
    assert_eq!(
        types(User::meta()),
        [
            (BigInt, false),
            (Text, false),
            (Text, false),
            (Int, true),
            (Text, false),
            (Bool, false),
            (Text, false),
            (Double, false)
        ]
    );
    assert_eq!(
        types(Post::meta()),
        [(Int, false), (Text, false), (BigInt, false), (BigInt, true), (BigInt, false), (Json, false)]
    );
    assert_eq!(types(WorkOrder::meta())[2..4], [(Int, true), (Text, true)]);
    assert_eq!(types(WorkOrder::meta())[5..], [(Int, false), (Text, false)]);
}

#[test]
fn unique_index_and_default_are_those_of_the_attributes() {
    let flags = |meta: &EntityMeta| -> Vec<_> {
        meta.columns.iter().filter(|c| c.unique || c.index).map(|c| (c.name, c.unique, c.index)).collect()
    };
    assert_eq!(flags(User::meta()), [("email", true, false), ("age", false, true)]);
    assert_eq!(
        flags(Post::meta()),
        [("author_id", false, true)],
        "a link is indexed unless it says `index = false`"
    );
    assert_eq!(flags(WorkOrder::meta()), [("made_for_id", true, false)], "unique is an index already");
    let defaults: Vec<_> = User::meta().columns.iter().filter_map(|column| column.default).collect();
    assert_eq!(defaults, ["18", "'it''s'", "TRUE", "CURRENT_TIMESTAMP", "-1.5"]);
}

#[test]
fn indexes_name_fields_and_hold_columns() {
    let indexes = |meta: &EntityMeta| -> Vec<_> {
        meta.indexes.iter().map(|index| (index.name, index.columns, index.unique)).collect()
    };
    assert_eq!(indexes(User::meta()), [(None, &[2, 3][..], false), (Some("one_alias"), &[4], true)]);
    assert_eq!(indexes(Post::meta()), [(None, &[2, 1][..], false)], "a link stands for its columns");
    assert_eq!(indexes(WorkOrder::meta()), [(None, &[2, 3][..], false), (None, &[5, 6], true)]);
}

#[test]
fn keys_and_version_are_positions() {
    let key = |meta: &EntityMeta| (meta.key.to_vec(), meta.auto_key, meta.version);
    assert_eq!(key(User::meta()), (vec![0], true, None));
    assert_eq!(key(Post::meta()), (vec![0], true, Some(4)));
    assert_eq!(key(Tag::meta()), (vec![0], false, None));
    assert_eq!(key(WorkOrder::meta()), (vec![0, 1], false, None));
}

#[test]
fn a_plain_reference_names_entity_and_column() {
    let reference = Tag::meta().columns[1].references.expect("made_by refers to a user");
    assert!((reference.target)().is(User::meta()));
    assert_eq!((reference.column)(), User::ID.position());
    assert_eq!(reference.on_delete, Some(OnDelete::SetNull));
}

#[test]
fn relations_know_both_ends() {
    let ends: Vec<_> =
        Post::meta().relations.iter().map(|r| (r.path(), (r.target)().name, r.position)).collect();
    assert_eq!(
        ends,
        [
            ("Post::author".to_owned(), "User", 0),
            ("Post::reviewer".to_owned(), "User", 1),
            ("Post::tags".to_owned(), "Tag", 2)
        ]
    );
    assert!((Post::meta().relations[0].source)().is(Post::meta()));
}

#[test]
fn a_belongs_to_has_columns_and_what_happens_on_delete() {
    let link = |meta: &EntityMeta, at: usize| match meta.relations[at].kind {
        RelationKind::BelongsTo { columns, nullable, on_delete } => (columns, nullable, on_delete),
        _ => panic!("not a belongs_to"),
    };
    assert_eq!(link(Post::meta(), 0), (&[2][..], false, Some(OnDelete::Cascade)));
    assert_eq!(link(Post::meta(), 1), (&[3][..], true, None));
    assert_eq!(link(WorkOrder::meta(), 0), (&[2, 3][..], true, Some(OnDelete::SetNull)));
}

#[test]
fn a_has_many_finds_its_other_side() {
    let RelationKind::HasMany { inverse } = User::meta().relations[0].kind else { panic!("not a has_many") };
    assert_eq!(inverse().path(), "Post::author");
    let RelationKind::HasMany { inverse } = WorkOrder::meta().relations[1].kind else {
        panic!("not a has_many")
    };
    assert_eq!(inverse().path(), "WorkOrder::parent");
}

#[test]
fn a_many_to_many_names_the_columns_of_its_pairs() {
    let table = |meta: &EntityMeta, at: usize| match meta.relations[at].kind {
        RelationKind::ManyToMany { through } => through,
        _ => panic!("not a many_to_many"),
    };
    assert_eq!(
        table(Post::meta(), 2),
        LinkTable { table: "post_tags", source: &["post_id"], target: &["tag_id"], entity: None }
    );
    assert_eq!(
        table(User::meta(), 1),
        LinkTable { table: "follows", source: &["follower_id"], target: &["followed_id"], entity: None }
    );
}

#[test]
fn column_constants_have_the_types_of_their_fields_and_stand_at_their_columns() {
    const AGE: Column<User, Option<i32>> = User::AGE;
    const AUTHOR_ID: Column<Post, i64> = Post::AUTHOR_ID;
    const REVIEWER_ID: Column<Post, Option<i64>> = Post::REVIEWER_ID;
    const PARENT_NUMBER: Column<WorkOrder, Option<String>> = WorkOrder::PARENT_NUMBER;
    const TWIN_YEAR: Column<WorkOrder, i32> = WorkOrder::TWIN_YEAR;
    assert_eq!((AGE.position(), AGE.meta().name), (3, "age"));
    assert_eq!((User::ALIAS.position(), User::ALIAS.meta().name), (4, "nick"), "named after the field");
    assert_eq!((AUTHOR_ID.position(), AUTHOR_ID.meta().name), (2, "author_id"));
    assert_eq!((REVIEWER_ID.position(), REVIEWER_ID.meta().name), (3, "ReviewerId"));
    assert_eq!((PARENT_NUMBER.position(), PARENT_NUMBER.meta().name), (3, "parent_number"));
    assert_eq!((TWIN_YEAR.position(), TWIN_YEAR.meta().name), (5, "twin_year"));
}

#[test]
fn relation_constants_have_the_kinds_of_their_fields() {
    const POSTS: Relation<User, Post, Many> = User::POSTS;
    const AUTHOR: Relation<Post, User, One> = Post::AUTHOR;
    const REVIEWER: Relation<Post, User, OneOrNone> = Post::REVIEWER;
    const TAGS: Relation<Post, Tag, ManyThrough> = Post::TAGS;
    assert_eq!(POSTS.meta().path(), "User::posts");
    assert_eq!(AUTHOR.meta().path(), "Post::author");
    assert_eq!(REVIEWER.meta().path(), "Post::reviewer");
    assert_eq!(TAGS.meta().path(), "Post::tags");
    assert_eq!(User::POSTS.then(Post::TAGS).relations().len(), 2);
}

fn names(meta: &EntityMeta) -> Vec<&'static str> {
    meta.columns.iter().map(|column| column.name).collect()
}
