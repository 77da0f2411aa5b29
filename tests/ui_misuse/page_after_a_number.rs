use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::select().order_by(User::NAME).page_after(20);
}
