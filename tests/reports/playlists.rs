//! Playlists that have tracks in common.

use anyorm::count_all;
use anyorm::prelude::*;

use crate::entities::{Playlist, PlaylistTrack, Track};
use crate::shop::in_shop;

#[test]
fn pairs_that_overlap() {
    in_shop(async |shop| {
        let (entry, list) = (PlaylistTrack::alias(), Playlist::alias());
        let (other_list, other_track) =
            (entry.column(PlaylistTrack::PLAYLIST_ID), entry.column(PlaylistTrack::TRACK_ID));
        let (id, name) = (list.column(Playlist::ID), list.column(Playlist::NAME));
        let same_track = other_track.eq(PlaylistTrack::TRACK_ID) & other_list.gt(PlaylistTrack::PLAYLIST_ID);
        let report = PlaylistTrack::select()
            .join(PlaylistTrack::PLAYLIST)
            .join_on(&entry, same_track)
            .join_on(&list, id.eq(other_list))
            .group_by((Playlist::ID, Playlist::NAME, id, name))
            .columns((Playlist::ID, Playlist::NAME, id, name, count_all()))
            .order_by((count_all().desc(), Playlist::ID, id));
        let rows = shop
            .report(
                report,
                "SELECT p.PlaylistId, p.Name, q.PlaylistId, q.Name, count(*)
                 FROM PlaylistTrack a JOIN PlaylistTrack b ON b.TrackId = a.TrackId AND b.PlaylistId > a.PlaylistId
                     JOIN Playlist p ON p.PlaylistId = a.PlaylistId JOIN Playlist q ON q.PlaylistId = b.PlaylistId
                 GROUP BY p.PlaylistId, p.Name, q.PlaylistId, q.Name
                 ORDER BY count(*) DESC, p.PlaylistId, q.PlaylistId",
            )
            .await?;
        assert!(rows.iter().all(|row| row.0 < row.2));
        let tracks = shop.engine.count(Track::select()).await? as i64;
        assert!(rows.iter().all(|row| row.4 <= tracks));
        Ok(())
    });
}
