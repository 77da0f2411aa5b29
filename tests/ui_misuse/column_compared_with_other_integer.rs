use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let limit: i64 = 18;
    let _ = User::select().filter(User::AGE.ge(limit));
}
