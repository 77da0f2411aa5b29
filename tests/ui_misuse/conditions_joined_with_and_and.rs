//! Rust's own `&&` takes two `bool`s: it cannot be made to build a condition.

use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::select().filter(User::AGE.ge(18) && User::NAME.eq("Ada"));
}
