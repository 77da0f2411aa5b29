use anyorm::prelude::*;

#[derive(Clone, Entity)]
struct Node {
    #[key]
    #[belongs_to]
    parent: BelongsTo<Node>,
}

fn main() {}
