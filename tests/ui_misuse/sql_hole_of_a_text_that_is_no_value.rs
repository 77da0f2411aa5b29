use anyorm::prelude::*;

fn main() {
    let order = sql("name DESC");
    let _ = sql!("SELECT * FROM users ORDER BY {}", order);
}
