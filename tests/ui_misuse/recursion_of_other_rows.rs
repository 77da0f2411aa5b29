use anyorm::prelude::*;
use anyorm::recursive;
use anyorm_tests::Node;

fn main() {
    let _ = recursive(Node::select().columns(Node::ID), |_| Node::select().columns(Node::NAME));
}
