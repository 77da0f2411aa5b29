use anyorm::expr::row_number;
use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let _ = User::select().columns((User::NAME, row_number()));
}
