use tokio_rusqlite::Connection;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    runtime.block_on(async {
        let connection = Connection::open_in_memory().await.expect("a database");
        let name: String = connection
            .call(|connection| {
                connection.execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
                connection.execute("INSERT INTO users (name) VALUES (?)", ["Ada"])?;
                let key = connection.last_insert_rowid();
                connection.query_row("SELECT name FROM users WHERE id = ?", [key], |row| row.get(0))
            })
            .await
            .expect("a row");
        println!("hello {}", name == "Ada");
    });
}
