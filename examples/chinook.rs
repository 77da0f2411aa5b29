//! Entities for a database that was there before: Chinook, a music shop. Its tables and columns keep their names.
//!
//! ```text
//! cargo run --example chinook -- Chinook_Sqlite.sqlite
//! ```
//!
//! The file is at <https://github.com/lerocha/chinook-database>. The example works on a copy of it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example tells what it does")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Artist")]
struct Artist {
    #[key(auto)]
    #[column(name = "ArtistId")]
    id: i64,
    #[column(name = "Name")]
    name: Option<String>,
    #[has_many(Album::ARTIST)]
    albums: HasMany<Album>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Album")]
struct Album {
    #[key(auto)]
    #[column(name = "AlbumId")]
    id: i64,
    #[column(name = "Title")]
    title: String,
    #[belongs_to(column = "ArtistId")]
    artist: BelongsTo<Artist>,
    #[has_many(Track::ALBUM)]
    tracks: HasMany<Track>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Track")]
struct Track {
    #[key(auto)]
    #[column(name = "TrackId")]
    id: i64,
    #[column(name = "Name")]
    name: String,
    #[belongs_to(column = "AlbumId")]
    album: BelongsTo<Option<Album>>,
    // A foreign key without an entity behind it: the column as it is. Columns that no field names are left alone.
    #[column(name = "MediaTypeId")]
    media_type_id: i64,
    #[column(name = "Milliseconds")]
    milliseconds: i64,
    #[column(name = "UnitPrice")]
    unit_price: f64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "InvoiceLine")]
struct InvoiceLine {
    #[key(auto)]
    #[column(name = "InvoiceLineId")]
    id: i64,
    #[column(name = "InvoiceId")]
    invoice_id: i64,
    #[belongs_to(column = "TrackId")]
    track: BelongsTo<Track>,
    #[column(name = "UnitPrice")]
    unit_price: f64,
    #[column(name = "Quantity")]
    quantity: i64,
}

/// A track that sold: title, artist, pieces, money.
type Sold = (String, Option<String>, Option<i64>, Option<f64>);

async fn app(url: &str) -> anyorm::Result<()> {
    let engine = Engine::open(url).await?;
    discographies(&engine).await?;
    best_selling(&engine).await?;
    a_price_that_is_taken_back(&engine).await?;
    engine.close().await
}

/// Three tables in three statements, and one hop to a worker thread.
async fn discographies(engine: &Engine) -> anyorm::Result<()> {
    let mut session = engine.session();
    let before = engine.statistics().hops;
    let artists =
        session.all(Artist::select().order_by(Artist::NAME).with(Artist::ALBUMS.then(Album::TRACKS))).await?;
    assert_eq!(engine.statistics().hops - before, 1, "one hop");

    let (mut albums, mut tracks) = (0, 0);
    let mut most = Vec::new();
    for &artist in &artists {
        let of_artist: usize = session[artist].albums.iter().map(|&album| session[album].tracks.len()).sum();
        albums += session[artist].albums.len();
        tracks += of_artist;
        most.push((of_artist, artist));
    }
    println!("{} artists, {albums} albums, {tracks} tracks", artists.len());
    assert_eq!(artists.len() as u64, engine.count(Artist::select()).await?);
    assert_eq!(albums as u64, engine.count(Album::select()).await?);
    assert_eq!(tracks as u64, engine.count(Track::select().filter(Track::ALBUM_ID.is_not_null())).await?);

    most.sort_by_key(|&(tracks, _)| std::cmp::Reverse(tracks));
    let (tracks, artist) = most[0];
    let name = session[artist].name.as_deref().unwrap_or("somebody");
    println!("most tracks: {name} with {tracks}, from {}", first_and_last(&session, artist));
    let by_sql: i64 = engine
        .scalar(
            sql("SELECT count(*) AS n FROM Track JOIN Album USING (AlbumId) GROUP BY ArtistId ORDER BY n DESC LIMIT 1")
                .returning::<i64>(),
        )
        .await?;
    assert_eq!(tracks as i64, by_sql);
    Ok(())
}

fn first_and_last(session: &Session, artist: Handle<Artist>) -> String {
    let albums = &session[artist].albums;
    let mut titles = albums.iter().map(|&album| session[album].title.as_str());
    let first = titles.next().unwrap_or("nothing");
    titles.next_back().map_or(first.to_owned(), |last| format!("{first:?} to {last:?}"))
}

/// A report: joined along relations, grouped, summed and ordered by the database; plain tuples come back.
async fn best_selling(engine: &Engine) -> anyorm::Result<()> {
    let revenue = || sum(InvoiceLine::UNIT_PRICE * InvoiceLine::QUANTITY.cast::<f64>());
    let report: Vec<Sold> = engine
        .all(
            InvoiceLine::select()
                .join(InvoiceLine::TRACK.then(Track::ALBUM.then(Album::ARTIST)))
                .group_by((Track::ID, Track::NAME, Artist::NAME))
                .order_by((sum(InvoiceLine::QUANTITY).desc(), revenue().desc(), Track::ID))
                .limit(10)
                .columns((Track::NAME, Artist::NAME, sum(InvoiceLine::QUANTITY), revenue())),
        )
        .await?;
    println!("best-selling tracks:");
    for (track, artist, pieces, revenue) in &report {
        let artist = artist.as_deref().unwrap_or("somebody");
        println!("  {} x {track}, {artist}: {:.2}", pieces.unwrap_or(0), revenue.unwrap_or(0.0));
    }
    assert_eq!(report.len(), 10);

    // The same by hand.
    let by_sql = engine
        .all(
            sql(
                "SELECT t.Name, a.Name, sum(l.Quantity) AS pieces, sum(l.UnitPrice * l.Quantity) AS revenue \
                 FROM InvoiceLine l JOIN Track t USING (TrackId) JOIN Album USING (AlbumId) \
                 JOIN Artist a USING (ArtistId) \
                 GROUP BY t.TrackId ORDER BY pieces DESC, revenue DESC, t.TrackId LIMIT 10",
            )
            .returning::<Sold>(),
        )
        .await?;
    assert_eq!(report, by_sql);
    Ok(())
}

/// A change that was flushed is seen inside the transaction only, and is gone from memory and database after a rollback.
async fn a_price_that_is_taken_back(engine: &Engine) -> anyorm::Result<()> {
    let mut session = engine.session();
    let track = session.first(Track::select().filter(Track::NAME.eq("The Woman King"))).await?;
    let track = track.expect("Chinook has this track");
    let id = session[track].id;
    let before = session[track].unit_price;
    let price = || Track::select().filter(Track::ID.eq(id)).columns(Track::UNIT_PRICE);

    session[track].unit_price = 0.5;
    println!("a sale: {}", session.changes()?);
    session.flush().await?;
    let inside = session.scalar(price()).await?;
    let outside = engine.scalar(price()).await?;
    println!("{}: {inside} inside the transaction, {outside} outside", session[track].name);
    assert_eq!((inside, outside), (0.5, before));

    session.rollback().await?;
    println!("rolled back: {}", session[track].unit_price);
    assert_eq!(session[track].unit_price, before);
    assert_eq!(session.scalar(price()).await?, before);
    assert!(!session.is_dirty());
    Ok(())
}

fn main() -> ExitCode {
    let Some(original) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say where the database is: cargo run --example chinook -- Chinook_Sqlite.sqlite");
        return ExitCode::from(2);
    };
    let copy = std::env::temp_dir().join(format!("anyorm-chinook-{}.db", std::process::id()));
    let result = copy_of(&original, &copy).and_then(|()| {
        let url = format!("sqlite://{}", copy.display());
        futures_lite::future::block_on(app(&url)).map_err(|error| error.to_string())
    });
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", copy.display()));
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Not `fs::copy`, which would make the copy read-only if the original is.
fn copy_of(original: &Path, copy: &Path) -> Result<(), String> {
    std::fs::read(original)
        .and_then(|bytes| std::fs::write(copy, bytes))
        .map_err(|error| format!("{} cannot be copied to {}: {error}", original.display(), copy.display()))
}
