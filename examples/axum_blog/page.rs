//! The page: HTML made on the server, in plain Rust.

use std::fmt::{self, Display, Write};

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::header;
use axum::response::{Html, IntoResponse};

use crate::api::{Found, Page, page_of};
use crate::failure::Answer;
use crate::request::RequestSession;
use crate::view::PostView;

/// The newest posts.
pub(crate) async fn front(
    RequestSession(mut session): RequestSession,
    query: Result<Query<Page>, QueryRejection>,
) -> Answer<impl IntoResponse> {
    let page = page_of(query)?;
    let found = page.read(&mut session).await?;
    // Even if an escape were forgotten somewhere, no script would run.
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(html(&page, &found))))
}

/// The page's only company.
pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// Text inside HTML: shown as it is, whatever it says. The only way for text from outside to get into a page.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A value inside the query of a URL.
struct InUrl<'a>(&'a str);

impl Display for InUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => f.write_char(byte.into())?,
                other => write!(f, "%{other:02X}")?,
            }
        }
        Ok(())
    }
}

/// Something that is written by a function: parts of a page are built where they stand.
fn part(write: impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result) -> impl Display {
    struct Part<F>(F);
    impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> Display for Part<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.0)(f)
        }
    }
    Part(write)
}

fn html(page: &Page, found: &Found) -> String {
    let heading = part(|f| match &page.tag {
        Some(tag) => write!(
            f,
            r#"<p class="of-tag">Posts about <b>{}</b> · <a href="/">show all</a></p>"#,
            Escaped(tag)
        ),
        None => Ok(()),
    });
    let posts = part(|f| match found.posts.as_slice() {
        [] => f.write_str(r#"<p class="nothing">There is nothing here yet.</p>"#),
        posts => posts.iter().try_for_each(|post| write_post(f, post)),
    });
    let pages = part(|f| write_pages(f, page, found.total));
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A blog</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><h1><a href="/">A blog</a></h1><p>{total}, written with anyorm and axum</p></header>
<main>
{heading}{posts}
</main>
{pages}
<footer><a href="/api/posts">as JSON</a> <a href="/health">health</a></footer>
</body>
</html>
"#,
        total = counted(found.total, "post"),
    )
}

fn write_post(f: &mut fmt::Formatter<'_>, post: &PostView) -> fmt::Result {
    let PostView { title, published, author, .. } = post;
    let paragraphs = part(|f| {
        let paragraphs = post.text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
        paragraphs.into_iter().try_for_each(|text| writeln!(f, "<p>{}</p>", Escaped(text)))
    });
    let tags = part(|f| {
        post.tags.iter().try_for_each(|tag| {
            write!(f, r#" <a class="tag" href="/?tag={}">{}</a>"#, InUrl(tag), Escaped(tag))
        })
    });
    let comments = part(|f| {
        if post.comments.is_empty() {
            return Ok(());
        }
        let many = counted(post.comments.len() as u64, "comment");
        writeln!(f, "<details open><summary>{many}</summary>")?;
        for comment in &post.comments {
            let (author, text) = (Escaped(&comment.author.name), Escaped(&comment.text));
            writeln!(f, "<blockquote><p>{text}</p><cite>{author}</cite></blockquote>")?;
        }
        f.write_str("</details>")
    });
    let (title, name) = (Escaped(title), Escaped(&author.name));
    writeln!(
        f,
        r#"<article id="post-{id}">
<h2>{title}</h2>
<p class="by">{name} · <time datetime="{published}">{published}</time>{tags}</p>
{paragraphs}{comments}
</article>"#,
        id = post.id,
    )
}

/// Links to the page before and the page after.
fn write_pages(f: &mut fmt::Formatter<'_>, page: &Page, total: u64) -> fmt::Result {
    let (number, size) = (u64::from(page.page), u64::from(page.per_page));
    let last = total.div_ceil(size).max(1);
    if last == 1 && number == 1 {
        return Ok(());
    }
    let link = |f: &mut fmt::Formatter<'_>, number: u64, text: &str| {
        write!(f, r#"<a href="/?page={number}&amp;per_page={size}"#)?;
        if let Some(tag) = &page.tag {
            write!(f, "&amp;tag={}", InUrl(tag))?;
        }
        write!(f, r#"">{text}</a>"#)
    };
    f.write_str(r#"<nav aria-label="Pages">"#)?;
    if number > 1 {
        link(f, (number - 1).min(last), "← newer")?;
    }
    write!(f, "<span>page {number} of {last}</span>")?;
    if number < last {
        link(f, number + 1, "older →")?;
    }
    f.write_str("</nav>")
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Narrow on a telephone, light or dark as the reader likes it.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d9dee3; --paper: #fff;
  --ground: #f4f5f7; --accent: #0b57a4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #9aa4ae; --line: #343b43; --paper: #1d2227; --ground: #14181c; --accent: #79b8ff }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 44rem; padding: 0 1rem 3rem; background: var(--ground); color: var(--ink);
  font: 1.05rem/1.6 Georgia, 'DejaVu Serif', serif; overflow-wrap: anywhere }
header { padding: 2.5rem 0 1rem }
h1 { margin: 0; font-size: 2.2rem; line-height: 1.2 }
h1 a { color: inherit; text-decoration: none }
header p, .by, footer, nav, summary, cite, .of-tag { color: var(--soft);
  font-family: system-ui, 'DejaVu Sans', sans-serif; font-size: .88rem }
header p { margin: .3rem 0 0 }
a { color: var(--accent) }
article { margin: 1.2rem 0; padding: 1.4rem 1.6rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: .6rem }
h2 { margin: 0; font-size: 1.45rem; line-height: 1.3 }
.by { margin: .2rem 0 1rem }
.tag { display: inline-block; margin-left: .3rem; padding: 0 .6em; border: 1px solid var(--line);
  border-radius: 1em; text-decoration: none }
article > p:last-of-type { margin-bottom: 0 }
details { margin-top: 1.2rem; padding-top: .8rem; border-top: 1px solid var(--line) }
summary { cursor: pointer }
blockquote { margin: .8rem 0 0; padding-left: 1rem; border-left: 3px solid var(--line) }
blockquote p { margin: 0; font-size: .98rem }
cite { font-style: normal }
nav { display: flex; gap: 1.5rem; justify-content: center; margin: 1.5rem 0 }
footer { display: flex; gap: 1.2rem; justify-content: center }
.nothing { padding: 3rem 0; text-align: center; color: var(--soft) }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let text = r#"<a href='x' title="y">&amp;</a>"#;
        let escaped = "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;&lt;/a&gt;";
        assert_eq!(Escaped(text).to_string(), escaped);
        assert_eq!(InUrl("a b&c=d/é\"").to_string(), "a%20b%26c%3Dd%2F%C3%A9%22");
    }
}
