use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::select().columns(User::NAME.year());
}
