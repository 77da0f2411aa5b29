use anyorm::SqlType;
use anyorm::prelude::*;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SqlType)]
struct Name(String);

#[derive(Clone, Entity)]
struct User {
    #[key(auto)]
    name: Name,
}

fn main() {}
