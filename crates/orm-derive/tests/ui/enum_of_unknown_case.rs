use anyorm::SqlType;

#[derive(SqlType)]
#[sql_type(rename_all = "snake")]
enum State {
    OnHold,
}

fn main() {}
