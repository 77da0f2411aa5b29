use anyorm::SqlType;

#[derive(SqlType)]
#[sql_type(rename_all = "lowercase")]
enum State {
    OnHold,
    #[sql_type(rename = "onhold")]
    Waiting,
}

fn main() {}
