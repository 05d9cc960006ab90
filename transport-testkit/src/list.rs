//! The list of tests: module, promise of the SPEC, name, and what must hold. It is a macro, so that
//! the table of the suite and the `#[test]`s of [`conformance!`](crate::conformance) are made of the
//! same lines.

/// Calls `$with!` with `$args` and the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __list {
    ([$($with:tt)+] $args:tt) => {
        $($with)+! { $args
            stream "C1" c1_a_large_transfer_arrives_whole
                "a large transfer in odd pieces arrives whole, in order and once";
            stream "C1" c1_a_large_transfer_back_arrives_whole
                "so does one from the acceptor to the connector";
            stream "C1" c1_both_directions_at_once
                "both directions carry a large transfer at the same time";
            stream "C1" c1_single_bytes_arrive_in_order
                "single bytes arrive in order, whether read at once or later";
            stream "C1" c1_odd_pieces_through_a_small_buffer
                "pieces of any size, in every form of call, pass a small buffer";
            stream "C1" c1_vectored_calls_keep_the_order
                "vectored calls keep the order of their parts";
            stream "C1" c1_lent_bytes_are_the_same_bytes
                "bytes that are lent are those that were written, and are lent until consumed";
            stream "C1" c1_question_and_answer
                "questions and answers go back and forth";
            stream "C1" c1_channels_do_not_mix
                "channels of one listener keep their bytes apart";
            vectors "C1" c1_many_slices_are_written_in_order
                "up to 40 slices are written in order, empty ones anywhere among them";
            vectors "C1" c1_many_slices_are_filled_in_order
                "up to 20 slices of unequal lengths are filled in order";
            vectors "C1" c1_what_was_not_consumed_stays_lent
                "after a partial consume the rest is lent, from its first byte on";
            vectors "C1" c1_a_very_long_stream_stays_whole
                "a stream of more bytes than 24 bits count arrives whole";
            partial "C2" c2_a_read_takes_what_is_there
                "a read gives what is there and waits for no more";
            partial "C2" c2_a_read_blocks_until_a_byte_comes
                "a read blocks until a byte comes, and is woken by it";
            partial "C2" c2_a_write_blocks_until_a_byte_fits
                "a write blocks until a byte fits, and is woken by room";
            partial "C2" c2_a_write_tells_how_much_it_took
                "a write may take fewer bytes than given, and tells how many";
            partial "C2" c2_a_write_of_any_size_is_taken_in_the_end
                "write_all blocks until everything is taken";
            partial "C2" c2_what_nobody_reads_is_bounded
                "what nobody reads is bounded: writers are held back";
            partial "C2" c2_empty_buffers_move_nothing
                "empty reads and writes move nothing, end nothing and never wait";
            partial "C2" c2_nothing_waits_for_a_flush
                "what was written arrives without a flush";
            partial "C2" c2_the_end_stays_the_end
                "the end of a stream stays the end, in every form of read";
            stays "C2" c2_an_end_is_an_end_for_everybody
                "an end asked for twenty times, in every form, is an end each time";
            partial "C2" c2_the_traits_of_std_work
                "std::io's Read and Write carry a stream to its end";
            forms "C3" c3_a_read_never_times_out_early
                "a read's time limit is never over early";
            forms "C3" c3_a_write_never_times_out_early
                "a write's time limit is never over early";
            forms "C3" c3_a_time_limit_ends_with_the_byte
                "a read with a time limit returns as soon as a byte is there";
            forms "C3" c3_a_timed_out_read_loses_nothing
                "a read that timed out has lost nothing";
            forms "C3" c3_a_timed_out_write_takes_nothing
                "a write that timed out has taken nothing";
            forms "C3" c3_a_call_that_never_blocks
                "try_ calls never block, and say WouldBlock only when nothing can be done";
            forms "C3" c3_a_cut_read_exact_tells_what_it_read
                "a read_exact that was cut short tells how much it read";
            forms "C3" c3_forms_can_be_mixed
                "blocking, polling and trying calls can follow each other";
            limits "C3" c3_no_limit_is_over_late
                "no time limit is over much too late";
            limits "C3" c3_a_long_limit_is_kept
                "a time limit of an hour, or without end, is not cut down";
            limits "C3" c3_a_try_is_fast
                "try_ calls and polls return at once";
            limits "C3" c3_what_waits_is_left_in_peace
                "a pending future is not woken while nothing happens";
            snapshots "C3" c3_a_waker_may_ask_about_its_channel
                "a read's waker may ask about its channel while it is woken";
            snapshots "C3" c3_a_writers_waker_may_ask_about_its_channel
                "a write's waker may ask about its channel while it is woken";
            futures "C3" c3_a_pending_read_is_woken
                "a pending read future is woken by a byte";
            futures "C3" c3_a_pending_write_is_woken
                "a pending write future is woken by room";
            futures "C3" c3_futures_carry_a_large_transfer
                "futures carry a large transfer";
            futures "C3" c3_a_dropped_read_future_loses_nothing
                "a dropped read future loses nothing";
            futures "C3" c3_a_dropped_write_future_takes_nothing
                "a dropped write future has taken nothing";
            polling "C3" c3_a_key_comes_at_registration
                "a poller's key comes once at registration if there is something to do";
            polling "C3" c3_a_key_comes_after_would_block
                "a poller's key comes after each WouldBlock, when there is something to read";
            polling "C3" c3_a_key_comes_when_there_is_room
                "a poller's key comes after each WouldBlock, when there is room to write";
            polling "C3" c3_a_key_tells_of_the_end
                "a poller's key tells of ends and losses";
            polling "C3" c3_a_key_tells_of_a_local_disconnect
                "a poller's key tells of the own side's disconnect";
            polling "C3" c3_no_wake_up_is_lost_in_a_storm
                "a poller that serves many busy channels loses no wake-up";
            disconnect "C4" c4_bytes_before_disconnect_stay_readable
                "what was written before a disconnect is read, then comes the end";
            disconnect "C4" c4_the_last_byte_stays_readable
                "no stream loses its last byte, however short it is and however it ends";
            disconnect "C4" c4_full_buffers_stay_readable
                "all that the buffers took before a disconnect is read";
            disconnect "C4" c4_local_calls_fail_at_once
                "after a disconnect every local call fails, even with bytes unread";
            disconnect "C4" c4_writes_of_the_far_side_fail
                "after a disconnect the far side's writes fail with PeerClosed, in every form";
            disconnect "C4" c4_from_any_thread_any_number_of_times
                "a disconnect can come from any thread, any number of times";
            disconnect "C4" c4_write_all_tells_how_much_it_wrote
                "a write_all cut short by its own side tells exactly what the peer can read";
            disconnect "C4" c4_a_far_disconnect_cuts_write_all_with_its_count
                "a write_all cut short by the peer tells how much it wrote";
            waking "C4" c4_a_local_disconnect_wakes_a_read
                "a disconnect wakes a blocked read of its own side";
            waking "C4" c4_a_far_disconnect_wakes_a_read
                "a disconnect wakes a blocked read of the far side";
            waking "C4" c4_a_local_disconnect_wakes_a_write
                "a disconnect wakes a blocked write of its own side";
            waking "C4" c4_a_far_disconnect_wakes_a_write
                "a disconnect wakes a blocked write of the far side";
            waking "C4" c4_a_disconnect_wakes_other_blocking_calls
                "a disconnect wakes read_exact and fill_buf of both sides";
            waking "C4" c4_a_limit_does_not_delay_the_news
                "a disconnect wakes calls with a time limit long before it";
            waking "C4" c4_a_disconnect_wakes_futures_of_both_sides
                "a disconnect wakes the pending futures of both sides";
            prompt "C4" c4_a_disconnect_returns_at_once
                "a disconnect with full buffers returns at once";
            races "C4" c4_counts_are_exact_when_the_writer_disconnects
                "whenever the writer disconnects, the peer reads exactly what its writes reported";
            races "C4" c4_counts_hold_when_the_reader_disconnects
                "whenever the reader disconnects, both sides are told, and nobody hangs";
            races "C4" c4_both_sides_disconnect_at_once
                "both sides may disconnect at once, and nobody hangs";
            halves "C5" c5_finish_and_go_on_reading
                "a side that finished writing goes on reading, as much as comes";
            halves "C5" c5_writes_after_finish_fail
                "after finish writes fail with Finished, and the other direction lives on";
            halves "C5" c5_disconnected_tells_whether_a_side_can_be_used
                "disconnected() tells whether a side can still be used";
            halves "C5" c5_a_finish_wakes_a_read
                "a finish wakes the peer's blocked read";
            halves "C5" c5_full_buffers_before_finish_stay_readable
                "all that the buffers took before a finish is read";
            prompt "C5" c5_a_finish_returns_at_once
                "a finish with full buffers returns at once";
            stays "C5" c5_nothing_has_ended_while_bytes_are_unread
                "no state tells of an end while bytes are unread";
            lost "C6" c6_an_orderly_end_is_no_loss
                "an orderly end is a clean end of stream, never a loss";
            lost "C6" c6_an_abort_is_a_loss
                "an aborted channel is PeerLost for the peer's reads and writes, and stays so";
            lost "C6" c6_what_arrived_before_an_abort_is_read_first
                "what arrived before an abort is read, then comes PeerLost";
            lost "C6" c6_an_abort_wakes_a_read
                "an abort wakes the peer's blocked read";
            lost "C6" c6_an_abort_wakes_a_write
                "an abort wakes the peer's blocked write";
            lost "C6" c6_an_abort_wakes_the_own_side
                "an abort wakes the blocked calls of its own side";
            lost "C6" c6_the_first_end_counts
                "an abort after an orderly end turns nothing into a loss";
            lost "C6" c6_a_stream_that_ended_well_stays_so
                "a stream that ended well stays so when its peer is lost later";
            stays "C6" c6_a_loss_is_a_loss_for_everybody
                "a loss asked for twenty times, in every form, is a loss each time";
            races "C6" c6_an_abort_in_the_middle_is_a_loss
                "whenever the writer aborts, the peer reads no more than was written, then PeerLost";
            halves "C7" c7_halves_live_on_two_threads
                "reader and writer live on two threads";
            halves "C7" c7_a_dropped_writer_finishes
                "dropping the writer finishes the stream";
            halves "C7" c7_a_dropped_reader_refuses
                "dropping the reader makes the peer's writes fail, and nothing else";
            halves "C7" c7_a_dropped_reader_wakes_a_write
                "dropping the reader wakes the peer's blocked write";
            halves "C7" c7_dropping_both_halves_disconnects
                "dropping both halves, in either order, is an orderly disconnect";
            halves "C7" c7_a_drop_in_a_panic_aborts
                "a drop while the thread panics is an abort, whichever half it is";
            halves "C7" c7_a_handle_does_not_keep_a_channel_open
                "a handle does not keep a channel open";
            prompt "C7" c7_a_drop_returns_at_once
                "a drop with full buffers returns at once";
            held "C7" c7_channels_leave_nothing_behind
                "channels leave no descriptor, thread or memory behind, however they end";
            held "C7" c7_many_channels_leave_nothing_behind
                "hundreds of channels that come and go leave nothing behind, not even now and then";
            held "C7" c7_traffic_leaves_nothing_behind
                "what went through a channel leaves no memory behind while it is open";
            disconnect "C8" c8_unread_bytes_cost_nothing_outbound
                "leaving with bytes unread destroys nothing that was written";
            disconnect "C8" c8_a_flood_from_the_peer_costs_nothing_outbound
                "leaving while the peer floods this side destroys nothing that was written";
            disconnect "C8" c8_both_leave_with_unread_bytes
                "a side that leaves while the other has left with bytes unread loses nothing";
            receipts "C9" c9_complete_when_all_was_read
                "a close is Complete when the peer's application has read everything";
            receipts "C9" c9_partial_tells_how_far_the_peer_came
                "a close tells how many bytes a peer read that left before the end";
            receipts "C9" c9_a_byte_in_a_buffer_is_not_read
                "bytes that were lent, or lie in a buffer, are not read";
            receipts "C9" c9_a_time_limit_is_never_over_early
                "a close's time limit is never over early, and it can be asked again";
            receipts "C9" c9_a_blocked_close_is_woken_by_the_last_read
                "a blocked close waits for the last byte, and is woken by its read";
            receipts "C9" c9_a_finished_side_can_ask_and_go_on
                "a side that finished can ask for the receipt and goes on reading";
            receipts "C9" c9_a_flood_cannot_hold_up_a_close
                "a peer that writes without end cannot hold up a close";
            receipts "C9" c9_a_lost_peer_is_never_complete
                "a peer that was lost with bytes unread never counts as Complete";
            tails "C9" c9_an_empty_stream_is_complete
                "the receipt of an empty stream is Complete";
            tails "C9" c9_partial_stays
                "a Partial receipt stays the same, however often it is asked for";
            tails "C9" c9_partial_after_a_finish
                "a side that finished is told how far a reader came that was dropped";
            brokers "B1" b1_a_place_is_taken_once
                "a second broker cannot listen at the same place";
            held "B1" b1_refused_listens_leave_nothing_behind
                "listens that are refused leave no descriptor, thread or memory behind";
            rendezvous "B2" b2_the_connector_comes_first
                "a connector that comes first waits for an acceptor";
            rendezvous "B2" b2_the_acceptor_comes_first
                "an acceptor that comes first waits for a connector, who may speak at once";
            rendezvous "B2" b2_the_two_know_each_other
                "both sides know the other's name and the port";
            rendezvous "B2" b2_connectors_are_served_in_order
                "connectors are served first come, first served";
            rendezvous "B2" b2_acceptors_are_served_in_order
                "acceptors are served first come, first served";
            rendezvous "B2" b2_ports_do_not_interfere
                "who waits at one port keeps nobody from another";
            rendezvous "B2" b2_many_meet_at_once
                "many meet at one port at once, each with a partner of its own";
            rendezvous "B2" b2_one_broker_listens_at_several_places
                "one broker listens at several places";
            rendezvous "B2" b2_local_and_remote_stand_in_one_line
                "local and remote connectors stand in one line";
            polling "B2" b2_an_acceptor_at_a_poller
                "an acceptor at a poller hears of each connector";
            many "B2" b2_many_channels_at_once
                "many channels are open at once, each on its own";
            many "B2" b2_a_stalled_channel_stalls_no_other
                "a channel that nobody reads stalls no other one";
            many "B2" b2_one_that_ends_ends_no_other
                "a channel that ends, in whatever way, ends no other one";
            many "B2" b2_channels_come_and_go
                "channels come and go beside one that stays";
            rush "B2" b2_hundreds_come_and_go
                "hundreds of channels come and go at one place";
            rush "B2" b2_a_crowd_before_the_first_accept
                "a crowd that connects before the first accept is served, each once";
            withdraw "B3" b3_nobody_listens_there
                "a connect to where nobody listens fails at once";
            withdraw "B3" b3_an_unknown_broker_fails_at_once
                "a connect to an unknown broker fails at once with NoSuchBroker";
            withdraw "B3" b3_a_connect_that_times_out_withdraws
                "a connect's time limit is never over early, and then nobody is matched with it";
            withdraw "B3" b3_an_accept_that_times_out_withdraws
                "an accept's time limit is never over early, and then nobody is matched with it";
            withdraw "B3" b3_a_dropped_connect_withdraws
                "a dropped connect future leaves its place, at whatever stage it is";
            withdraw "B3" b3_a_connector_outlives_an_acceptor_that_leaves
                "a connector whose acceptor left is matched with the next one";
            withdraw "B3" b3_a_lost_peer_is_not_handed_out
                "a channel whose peer is known to be lost is never handed out";
            withdraw "B3" b3_one_who_came_and_left_well_is_heard
                "one who connected, spoke and left before the accept is heard";
            strangers "B3" b3_garbage_disturbs_nobody
                "one who speaks another protocol is sent away and disturbs nobody";
            strangers "B3" b3_an_oversized_hello_disturbs_nobody
                "an oversized hello is refused and disturbs nobody";
            strangers "B3" b3_a_cut_hello_disturbs_nobody
                "one who leaves in its hello disturbs nobody";
            strangers "B3" b3_silent_strangers_are_sent_away
                "one who says nothing is sent away at its deadline";
            strangers "B3" b3_many_strangers_keep_nobody_out
                "many who say nothing keep nobody out";
            held "B3" b3_those_who_give_up_leave_nothing_behind
                "those who give up leave no descriptor, thread or memory behind";
            held "B3" b3_refused_dials_leave_nothing_behind
                "dials that are refused leave no descriptor, thread or memory behind";
            held "B3" b3_strangers_leave_nothing_behind
                "strangers leave no descriptor, thread or memory behind";
            brokers "B4" b4_a_close_ends_waiting_accepts
                "closing a broker ends its waiting accepts";
            brokers "B4" b4_a_close_ends_waiting_connects
                "closing a broker ends the connects that wait at it, with Closed";
            brokers "B4" b4_a_close_ends_connects_of_its_own
                "closing a broker ends the connects that it waits with elsewhere";
            brokers "B4" b4_channels_outlive_their_brokers
                "established channels outlive the brokers of both sides";
            brokers "B4" b4_nobody_is_reached_after_a_close
                "nobody is reached where a broker listened that is closed";
            brokers "B4" b4_a_closed_place_can_be_taken_again
                "the place of a closed broker can be taken again, at once";
            brokers "B4" b4_listening_can_be_ended_alone
                "listening can be ended and begun again; channels live on";
            rush "B4" b4_one_that_closes_ends_no_other
                "a place that is closed leaves others serving";
            held "B4" b4_closed_brokers_leave_nothing_behind
                "closed brokers leave no descriptor, thread or memory behind";
            brokers "B7" b7_channels_are_listed
                "a broker lists its channels with peer, port, state and bytes";
            snapshots "B7" b7_a_snapshot_waits_for_nobody
                "snapshots wait for no blocked call";
            snapshots "B7" b7_totals_are_what_calls_told
                "totals count what writes took and reads consumed, and stay";
            snapshots "B7" b7_nothing_is_underway_when_all_was_read
                "nothing is unread or unsent when all was read";
            snapshots "B7" b7_the_peer_is_of_the_same_scheme
                "the peer's endpoint is of the scheme at which they met";
            messages "M1" m1_messages_of_every_size
                "messages of every size arrive whole, in order and once, both ways";
            messages "M1" m1_queues_meet_as_channels_do
                "queues meet as channels do";
            messages "M2" m2_anything_that_speaks_the_framing_can_be_the_peer
                "anything that speaks the framing can be the peer";
            messages "M3" m3_a_message_larger_than_the_buffer_arrives_whole
                "a message larger than the buffer arrives whole";
            messages "M4" m4_a_message_over_the_limit_is_refused_in_front
                "a message over the limit is refused, by the sender before its first byte";
            messages "M5" m5_messages_of_many_senders_never_interleave
                "messages of many senders never interleave, and each receiver gets whole ones";
            message_ends "M6" m6_a_timed_out_receive_loses_nothing
                "a receive that times out in the middle of a message loses nothing";
            message_ends "M6" m6_a_timed_out_send_is_sent_once_or_not_at_all
                "a send that times out is sent once by the queue, or not at all";
            message_ends "M7" m7_a_close_delivers_what_was_sent
                "a close delivers what was sent, then both sides are told";
            message_ends "M7" m7_a_cut_message_is_truncated
                "a peer that ends in the middle of a message is Truncated, never a short message";
            messages "M9" m9_receive_into_a_buffer
                "a message is received into the caller's buffer, and kept if that is too small";
            messages "M9" m9_a_message_of_several_slices
                "a message can be sent from several slices";
        }
    };
}

/// The same for what only two processes can show.
macro_rules! __across_list {
    ([$($with:tt)+] $args:tt) => {
        $($with)+! { $args
            processes "C6" c6_a_killed_peer_is_a_loss
                "when the peer's process is killed, what arrived is read, then comes PeerLost";
            processes "C6" c6_a_kill_in_a_flood_is_a_loss
                "whenever a process that writes is killed, its stream is right up to the PeerLost";
            processes "C6" c6_a_kill_wakes_a_read
                "a kill of the peer's process wakes a blocked read";
            processes "C6" c6_a_kill_wakes_a_write
                "a kill of the peer's process wakes a blocked write";
            processes "C6" c6_an_exit_with_open_channels_is_a_loss
                "a process that exits with its channels open is a loss, behind what arrived";
            processes "C6" c6_a_kill_after_the_end_is_no_loss
                "a kill after an orderly end takes nothing back of what was read";
            processes "C8" c8_who_closes_and_exits_costs_nothing
                "a process that exits once its close is Complete costs no byte";
            processes "C9" c9_a_killed_peer_is_never_complete
                "a peer that was killed with bytes unread never counts as Complete";
            processes "C9" c9_a_receipt_outlives_the_process
                "the receipt of a peer that has read all stays Complete when its process exits";
            processes "B1" b1_a_place_is_taken_once_by_two_processes
                "a second process cannot listen where one listens";
            processes "B2" b2_a_kill_ends_no_other
                "a kill of one process ends no channel of another, and the place goes on serving";
            processes "B3" b3_a_killed_connector_is_not_handed_out
                "a connector whose process was killed while it waited is never handed out";
            processes "M7" m7_a_killed_sender_is_truncated
                "a sender killed in the middle of a message is Truncated, never a short message";
        }
    };
}
pub(crate) use __across_list;
