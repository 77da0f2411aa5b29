//! The tables of the shop, with the names that they have.

use anyorm::Query;
use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Artist")]
pub(crate) struct Artist {
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
pub(crate) struct Album {
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
#[entity(table = "Genre")]
pub(crate) struct Genre {
    #[key(auto)]
    #[column(name = "GenreId")]
    id: i64,
    #[column(name = "Name")]
    name: Option<String>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "MediaType")]
pub(crate) struct MediaType {
    #[key(auto)]
    #[column(name = "MediaTypeId")]
    id: i64,
    #[column(name = "Name")]
    name: Option<String>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Track")]
pub(crate) struct Track {
    #[key(auto)]
    #[column(name = "TrackId")]
    id: i64,
    #[column(name = "Name")]
    name: String,
    #[belongs_to(column = "AlbumId")]
    album: BelongsTo<Option<Album>>,
    #[belongs_to(column = "MediaTypeId")]
    media_type: BelongsTo<MediaType>,
    #[belongs_to(column = "GenreId")]
    genre: BelongsTo<Option<Genre>>,
    #[column(name = "Milliseconds")]
    milliseconds: i64,
    #[has_many(InvoiceLine::TRACK)]
    sales: HasMany<InvoiceLine>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Playlist")]
pub(crate) struct Playlist {
    #[key(auto)]
    #[column(name = "PlaylistId")]
    id: i64,
    #[column(name = "Name")]
    name: Option<String>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "PlaylistTrack")]
pub(crate) struct PlaylistTrack {
    #[key]
    #[belongs_to(column = "PlaylistId")]
    playlist: BelongsTo<Playlist>,
    #[key]
    #[belongs_to(column = "TrackId")]
    track: BelongsTo<Track>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Employee")]
pub(crate) struct Employee {
    #[key(auto)]
    #[column(name = "EmployeeId")]
    id: i64,
    #[column(name = "LastName")]
    last_name: String,
    #[column(name = "FirstName")]
    first_name: String,
    #[column(name = "Title")]
    title: Option<String>,
    #[belongs_to(column = "ReportsTo")]
    manager: BelongsTo<Option<Employee>>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Customer")]
pub(crate) struct Customer {
    #[key(auto)]
    #[column(name = "CustomerId")]
    id: i64,
    #[column(name = "FirstName")]
    first_name: String,
    #[column(name = "LastName")]
    last_name: String,
    #[column(name = "Country")]
    country: Option<String>,
    #[belongs_to(column = "SupportRepId")]
    support: BelongsTo<Option<Employee>>,
    #[has_many(Invoice::CUSTOMER)]
    invoices: HasMany<Invoice>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "Invoice")]
pub(crate) struct Invoice {
    #[key(auto)]
    #[column(name = "InvoiceId")]
    id: i64,
    #[belongs_to(column = "CustomerId")]
    customer: BelongsTo<Customer>,
    // SQLite has no type for it: `2009-01-31 00:00:00`.
    #[column(name = "InvoiceDate")]
    date: String,
    #[column(name = "Total")]
    total: f64,
    #[has_many(InvoiceLine::INVOICE)]
    lines: HasMany<InvoiceLine>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "InvoiceLine")]
pub(crate) struct InvoiceLine {
    #[key(auto)]
    #[column(name = "InvoiceLineId")]
    id: i64,
    #[belongs_to(column = "InvoiceId")]
    invoice: BelongsTo<Invoice>,
    #[belongs_to(column = "TrackId")]
    track: BelongsTo<Track>,
    #[column(name = "UnitPrice")]
    unit_price: f64,
    #[column(name = "Quantity")]
    quantity: i64,
}

/// Not after its columns: `Employee::LASTNAME` is none.
#[test]
fn errors_name_constants_that_there_are() {
    let of_an_alias = |query: anyorm::Result<anyorm::stmt::Statement>| query.unwrap_err().to_string();
    let employee = Employee::alias();
    let last_name = of_an_alias(employee.select().columns(Employee::LAST_NAME).statement());
    assert!(last_name.ends_with("name it by `alias.column(Employee::LAST_NAME)`"), "{last_name}");
    let manager = of_an_alias(employee.select().columns(Employee::REPORTS_TO).statement());
    assert!(manager.ends_with("name it by `alias.column(Employee::REPORTS_TO)`"), "{manager}");
}
