//! Keywords as names: the column is named without `r#`.
#![deny(warnings)]

use anyorm::prelude::*;

#[derive(Clone, Entity)]
pub struct Post {
    #[key(auto)]
    pub id: i64,
    pub r#type: String,
    #[belongs_to]
    pub r#final: BelongsTo<Option<Post>>,
    #[has_many(Post::FINAL)]
    pub r#impl: HasMany<Post>,
}

#[derive(Clone, Entity)]
#[allow(non_camel_case_types)]
pub struct r#struct {
    #[key]
    pub r#match: i64,
    #[column(references = r#struct::MATCH)]
    pub r#ref: i64,
}

fn main() {
    assert_eq!(Post::TYPE.meta().name, "type");
    assert_eq!(Post::TYPE.meta().field, "type");
    assert_eq!(Post::FINAL_ID.meta().name, "final_id");
    assert_eq!(Post::IMPL.meta().path(), "Post::impl");
    assert_eq!(r#struct::meta().table, "struct");
}
