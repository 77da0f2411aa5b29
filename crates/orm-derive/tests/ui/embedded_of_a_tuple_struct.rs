use anyorm::prelude::*;

#[derive(Clone, Embedded)]
struct Address(String, String);

fn main() {}
