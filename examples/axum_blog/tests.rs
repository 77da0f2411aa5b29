//! The service over HTTP, on a socket, with a file as database.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyorm::batch;
use anyorm::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::entities::{self, Comment, Post, Tag};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The service on a port of its own.
struct Running {
    runtime: Runtime,
    address: SocketAddr,
    engine: Engine,
    file: PathBuf,
    stop: oneshot::Sender<()>,
    served: JoinHandle<anyorm::Result<()>>,
}

impl Running {
    fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("axum-blog-{}-{number}.db", std::process::id()));
        let runtime = Runtime::new().expect("a runtime");
        let (engine, listener) = runtime.block_on(async {
            let engine = Engine::open(&format!("sqlite://{}", file.display())).await.expect("a file");
            engine.create_all(&entities::schema()).await.expect("tables");
            entities::store_first_posts(&engine).await.expect("rows");
            (engine, TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
        });
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let served = crate::serve(listener, engine.clone(), async {
            let _ = stopped.await;
        });
        let served = runtime.spawn(served);
        Self { runtime, address, engine, file, stop, served }
    }

    /// A connection on which a request was sent.
    fn sent(&self, method: &str, path: &str, body: Option<&str>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let head = format!("{method} {path} HTTP/1.1\r\nhost: blog\r\nconnection: close\r\n");
        let request = match body {
            Some(body) => format!(
                "{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            None => format!("{head}\r\n"),
        };
        stream.write_all(request.as_bytes()).expect("it reads");
        stream
    }

    /// The status, the head and the body of the answer to a request.
    fn ask(&self, method: &str, path: &str, body: Option<&str>) -> (u16, String, String) {
        answer(self.sent(method, path, body))
    }

    /// The same with JSON in and out.
    fn json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let text = (!body.is_null()).then(|| body.to_string());
        let (status, _, body) = self.ask(method, path, text.as_deref());
        (status, if body.is_empty() { Value::Null } else { serde_json::from_str(&body).expect("JSON") })
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.json("GET", path, &Value::Null)
    }

    fn wait_until(&self, what: &str, is: impl Fn(anyorm::Statistics) -> bool) {
        let started = Instant::now();
        while !is(self.engine.statistics()) {
            assert!(started.elapsed() < PATIENCE, "{what}: {:?}", self.engine.statistics());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Asks the service to stop, and waits for it.
    fn stop(self) {
        let _ = self.stop.send(());
        let served = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.served).await });
        served.expect("it stops").expect("it does not panic").expect("everything was given back");
        let journal = format!("{}-wal", self.file.display());
        assert!(!std::path::Path::new(&journal).exists(), "a closed engine leaves one file");
        std::fs::remove_file(&self.file).expect("the file is there");
    }
}

fn answer(mut stream: TcpStream) -> (u16, String, String) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

#[test]
fn posts_are_made_read_changed_and_deleted() {
    let blog = Running::start();
    let (status, mary) =
        blog.json("POST", "/api/users", &json!({ "name": "Mary", "email": "mary@example.org" }));
    assert_eq!((status, mary), (201, json!({ "id": 3, "name": "Mary" })));
    assert_eq!(blog.get("/api/users/3"), (200, json!({ "id": 3, "name": "Mary" })));

    let looms =
        json!({ "title": "On looms", "text": "They weave.", "author": 3, "tags": ["looms", "Engines"] });
    let (status, post) = blog.json("POST", "/api/posts", &looms);
    assert_eq!((status, &post["id"], &post["version"]), (201, &json!(3), &json!(0)), "{post}");
    assert_eq!(post["tags"], json!(["engines", "looms"]));
    assert_eq!(blog.get("/api/posts/3"), (200, post));

    let (status, post) =
        blog.json("POST", "/api/posts/3/comments", &json!({ "author": 1, "text": " So they do. " }));
    let comment = json!([{ "author": { "id": 1, "name": "Ada Lovelace" }, "text": "So they do." }]);
    assert_eq!((status, &post["comments"]), (201, &comment));

    let change =
        json!({ "title": "On looms", "text": "They wove.", "tags": ["looms", "past"], "version": 0 });
    let (status, post) = blog.json("PUT", "/api/posts/3", &change);
    assert_eq!((status, &post["version"], &post["text"]), (200, &json!(1), &json!("They wove.")), "{post}");
    assert_eq!((&post["tags"], &post["comments"]), (&json!(["looms", "past"]), &comment));
    assert_eq!(blog.get("/api/posts/3"), (200, post));

    assert_eq!(blog.json("DELETE", "/api/posts/3", &Value::Null), (204, Value::Null));
    assert_eq!(blog.get("/api/posts/3").0, 404);
    let left = blog.runtime.block_on(blog.engine.count(Comment::select().filter(Comment::POST_ID.eq(3))));
    assert_eq!(left.expect("a count"), 0, "the comments went along");
    blog.stop();
}

#[test]
fn who_has_seen_another_version_is_refused() {
    let blog = Running::start();
    let change = |text: &str| json!({ "title": "Notes", "text": text, "tags": ["notes"], "version": 0 });
    assert_eq!(blog.json("PUT", "/api/posts/1", &change("first")).0, 200);
    let (status, error) = blog.json("PUT", "/api/posts/1", &change("second"));
    assert_eq!((status, &error["error"]), (409, &json!("changed_meanwhile")));
    assert_eq!((&error["entity"], &error["field"]), (&json!("Post"), &json!("version")), "{error}");
    assert_eq!(blog.get("/api/posts/1").1["text"], "first");

    // Of many at the same moment, one wins.
    let text = |who: usize| {
        json!({ "title": "Notes", "text": format!("by {who}"), "tags": [], "version": 1 }).to_string()
    };
    let sent: Vec<TcpStream> = (0..8).map(|who| blog.sent("PUT", "/api/posts/1", Some(&text(who)))).collect();
    let statuses: Vec<u16> = sent.into_iter().map(|stream| answer(stream).0).collect();
    let won = statuses.iter().filter(|&&status| status == 200).count();
    let lost = statuses.iter().filter(|&&status| status == 409).count();
    assert_eq!((won, lost), (1, 7), "{statuses:?}");
    blog.stop();
}

#[test]
fn what_is_refused_names_entity_and_field() {
    let blog = Running::start();
    let post = |field: &str, value: Value| {
        let mut post = json!({ "title": "T", "text": "X", "author": 1, "tags": [] });
        post[field] = value;
        post
    };
    for (field, value) in [
        ("title", Value::Null),
        ("title", json!("  ")),
        ("title", json!("t".repeat(201))),
        ("text", json!(7)),
        ("text", json!("a\u{0}b")),
        ("author", json!("Ada")),
        ("author", json!(99)),
        ("author", json!(1.5)),
        ("tags", json!("notes")),
        ("tags", json!(["notes", 7])),
        ("titel", json!("a slip")),
    ] {
        let (status, error) = blog.json("POST", "/api/posts", &post(field, value.clone()));
        let named = (&error["error"], &error["entity"], &error["field"]);
        let expected = (&json!("invalid"), &json!("Post"), &json!(field));
        assert_eq!((status, named), (422, expected), "{field}: {value}: {error}");
    }
    let taken = json!({ "name": "Another", "email": "ada@example.org" });
    let (status, error) = blog.json("POST", "/api/users", &taken);
    let named = (&error["error"], &error["entity"], &error["field"]);
    assert_eq!((status, named), (409, (&json!("refused"), &json!("User"), &json!("email"))));
    assert!(!error.to_string().contains("INSERT"), "SQL is nobody's business: {error}");

    let (status, error) = blog.get("/api/posts/99");
    let named = (&error["error"], &error["entity"], &error["key"]);
    assert_eq!((status, named), (404, (&json!("not_found"), &json!("Post"), &json!("99"))));
    for (method, path, body, status) in [
        ("GET", "/api/posts/first", None, 404),
        ("GET", "/nothing", None, 404),
        ("PATCH", "/api/posts/1", None, 405),
        ("POST", "/api/posts", None, 400),
        ("POST", "/api/posts", Some("{\"title\": "), 400),
        ("POST", "/api/posts", Some("[]"), 400),
        ("GET", "/api/posts?page=0", None, 422),
        ("GET", "/api/posts?per_page=101", None, 422),
        ("GET", "/api/posts?page=two", None, 400),
    ] {
        let (found, _, answer) = blog.ask(method, path, body);
        assert_eq!(found, status, "{method} {path}: {answer}");
        let error: Value = serde_json::from_str(&answer).expect("errors are JSON");
        assert!(error["message"].is_string(), "{error}");
    }
    assert_eq!(blog.get("/api/posts").1["total"], 2, "nothing was stored");
    blog.stop();
}

#[test]
fn lists_have_pages() {
    let blog = Running::start();
    let posts = (0..23).map(|number| Post {
        title: format!("Number {number}"),
        text: "..".into(),
        published: 2_000_000_000 + number,
        author: BelongsTo::to_key(1),
        ..Post::default()
    });
    assert_eq!(blog.runtime.block_on(blog.engine.insert_many(posts)).expect("stored"), 23);
    let titles = |path: &str| -> Vec<String> {
        let (status, page) = blog.get(path);
        assert_eq!((status, &page["total"]), (200, &json!(25)), "{page}");
        let posts = page["posts"].as_array().expect("a list");
        posts.iter().map(|post| post["title"].as_str().expect("a title").to_owned()).collect()
    };
    let first = titles("/api/posts");
    assert_eq!((first.len(), &*first[0], &*first[9]), (10, "Number 22", "Number 13"));
    assert_eq!(titles("/api/posts?page=2&per_page=4"), ["Number 18", "Number 17", "Number 16", "Number 15"]);
    assert_eq!(titles("/api/posts?page=3").len(), 5);
    assert_eq!(titles("/api/posts?page=4294967295&per_page=100").len(), 0);

    let (_, tagged) = blog.get("/api/posts?tag=engines");
    assert_eq!((&tagged["total"], &tagged["posts"][0]["id"]), (&json!(1), &json!(1)));
    let (_, nothing) = blog.get("/api/posts?tag=%27%20OR%201%3D1");
    assert_eq!(nothing["total"], 0);
    blog.stop();
}

#[test]
fn the_page_shows_text_as_text() {
    let blog = Running::start();
    let (status, head, page) = blog.ask("GET", "/", None);
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(page.contains("<h2>What &lt;b&gt; does, and why it does not here</h2>"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("<cite>Grace Hopper</cite>"), "{page}");
    let (status, head, _) = blog.ask("GET", "/style.css", None);
    assert_eq!((status, head.contains("content-type: text/css")), (200, true), "{head}");
    let script = "/?tag=%3Cscript%3Ealert(1)%3C/script%3E&page=7&per_page=1";
    let (status, _, page) = blog.ask("GET", script, None);
    assert_eq!(status, 200);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script"), "{page}");
    blog.stop();
}

/// The client is gone before the answer: the future that makes it is dropped, here while it waits in line.
#[test]
fn a_client_that_hangs_up_leaves_its_place_in_line() {
    let blog = Running::start();
    let writer = blog.runtime.block_on(blog.engine.begin()).expect("nobody else writes");
    let user = json!({ "name": "Mary", "email": "mary@example.org" }).to_string();
    let client = blog.sent("POST", "/api/users", Some(&user));
    blog.wait_until("the request waits for the writer", |now| now.writer_waiting == 1);
    // Reads go on meanwhile, and say so.
    let (status, health) = blog.get("/health");
    assert_eq!((status, &health["writer"]["waiting"]), (200, &json!(1)), "{health}");

    client.shutdown(Shutdown::Both).expect("it was open");
    drop(client);
    blog.wait_until("nobody waits any more", |now| now.writer_waiting == 0);
    blog.runtime.block_on(writer.rollback()).expect("rolled back");
    blog.wait_until("all is given back", |now| now.in_use() == 0);
    assert_eq!(blog.get("/api/users/3").0, 404, "nothing happened");
    assert_eq!(blog.json("POST", "/api/users", &serde_json::from_str(&user).expect("JSON")).0, 201);
    blog.stop();
}

/// Clients that hang up at all moments: each request happened, or did not, and nothing is left in use.
#[test]
fn clients_that_hang_up_leave_whole_posts() {
    let blog = Running::start();
    let mut stored = 0;
    for number in 0..120_u64 {
        let post = json!({ "title": format!("Number {number}"), "text": "..", "author": 1,
            "tags": ["numbers", format!("number {number}")] });
        let mut client = blog.sent("POST", "/api/posts", Some(&post.to_string()));
        std::thread::sleep(Duration::from_micros(number % 40 * 60));
        client.set_nonblocking(true).expect("it is a socket");
        let mut status = [0; 12];
        let length = client.read(&mut status).unwrap_or_default();
        stored += u64::from(status[..length] == *b"HTTP/1.1 201");
    }
    blog.wait_until("all is given back", |now| {
        now.in_use() == 0 && now.writer_waiting + now.readers_waiting == 0
    });
    let (posts, tags) = blog.runtime.block_on(async {
        let numbered = Post::select().filter(Post::TITLE.starts_with("Number"));
        let tagged = numbered.clone().join(Post::TAGS).filter(Tag::NAME.starts_with("number "));
        // Of one state: a request that was sent may still be taken up.
        blog.engine.batch((batch::count(numbered), batch::count(tagged))).await.expect("two counts")
    });
    assert_eq!(posts, tags, "a post is stored with its tags, or not at all");
    assert!(posts >= stored, "who was told so has a post: {posts} of {stored}");
    // The service is as good as new.
    assert_eq!(blog.get("/api/posts").0, 200);
    blog.stop();
}

/// Requests that came are answered, also after the service was asked to stop.
#[test]
fn a_service_that_stops_answers_what_came() {
    let blog = Running::start();
    let writer = blog.runtime.block_on(blog.engine.begin()).expect("nobody else writes");
    let user = json!({ "name": "Mary", "email": "mary@example.org" }).to_string();
    let client = blog.sent("POST", "/api/users", Some(&user));
    blog.wait_until("the request waits for the writer", |now| now.writer_waiting == 1);
    let Running { runtime, stop, served, engine, file, .. } = blog;
    stop.send(()).expect("it listens");
    std::thread::sleep(Duration::from_millis(50));
    assert!(!served.is_finished(), "it waits for the request");
    runtime.block_on(writer.rollback()).expect("rolled back");
    assert_eq!(answer(client).0, 201);
    let served = runtime.block_on(async { tokio::time::timeout(PATIENCE, served).await });
    served.expect("it stops").expect("it does not panic").expect("everything was given back");
    let closed = runtime.block_on(engine.count(Post::select()));
    assert!(matches!(closed, Err(anyorm::Error::Closed)), "{closed:?}");
    std::fs::remove_file(&file).expect("the file is there");
}
