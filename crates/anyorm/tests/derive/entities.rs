//! Entities that use every attribute.

use anyorm::prelude::*;

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "users", index("name", "age"), unique(name = "one_alias", "alias"))]
pub(crate) struct User {
    #[key(auto)]
    pub(crate) id: i64,
    #[column(unique)]
    pub(crate) email: String,
    pub(crate) name: String,
    #[column(index, default = 18)]
    pub(crate) age: Option<i32>,
    #[column(name = "nick", default = "it's")]
    #[column(unique = false)]
    pub(crate) alias: String,
    #[column(default = true)]
    pub(crate) active: bool,
    #[column(default(sql = "CURRENT_TIMESTAMP"))]
    pub(crate) created: String,
    #[column(default = -1.5)]
    pub(crate) score: f64,
    #[has_many(Post::AUTHOR)]
    pub(crate) posts: HasMany<Post>,
    #[many_to_many(through = "follows", from = "follower_id", to = "followed_id")]
    pub(crate) follows: ManyToMany<User>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "posts", index("author", "title"))]
pub(crate) struct Post {
    #[key(auto)]
    pub(crate) id: i32,
    pub(crate) title: String,
    #[belongs_to(on_delete = cascade)]
    pub(crate) author: BelongsTo<User>,
    #[belongs_to(column = "ReviewerId", index = false)]
    pub(crate) reviewer: BelongsTo<Option<User>>,
    #[many_to_many(through = "post_tags")]
    pub(crate) tags: ManyToMany<Tag>,
    #[version]
    pub(crate) version: i64,
    pub(crate) meta: Json<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
pub(crate) struct Tag {
    #[key]
    pub(crate) name: String,
    #[column(references = User::ID, on_delete = set_null)]
    pub(crate) made_by: Option<i64>,
}

/// A tree, by `Self`.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
pub(crate) struct WorkOrder {
    #[key]
    pub(crate) year: i32,
    #[key]
    pub(crate) number: String,
    #[belongs_to(columns("parent_year", "parent_number"), on_delete = set_null)]
    pub(crate) parent: BelongsTo<Option<Self>>,
    #[has_many(Self::PARENT)]
    pub(crate) parts: HasMany<Self>,
    #[belongs_to(unique)]
    pub(crate) made_for: BelongsTo<User>,
    #[belongs_to(columns("twin_year", "twin_number"), unique)]
    pub(crate) twin: BelongsTo<WorkOrder>,
}
