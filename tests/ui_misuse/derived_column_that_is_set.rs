use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {
    let names = User::select().columns(User::NAME).derived();
    let _ = User::update().set(names.columns(), "Ada");
}
