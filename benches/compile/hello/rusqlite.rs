use rusqlite::Connection;

fn main() -> rusqlite::Result<()> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
    connection.execute("INSERT INTO users (name) VALUES (?)", ["Ada"])?;
    let key = connection.last_insert_rowid();
    let name: String = connection.query_row("SELECT name FROM users WHERE id = ?", [key], |row| row.get(0))?;
    println!("hello {}", name == "Ada");
    Ok(())
}
