use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::select().filter(User::AGE.ge(18) && User::NAME.eq("Ada"));
}
