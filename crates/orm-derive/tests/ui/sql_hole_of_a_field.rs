use anyorm::prelude::*;

fn main() {
    let user = (1,);
    let _ = sql!("SELECT * FROM users WHERE id = {user.0}");
}
