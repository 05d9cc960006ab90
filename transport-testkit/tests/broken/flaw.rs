//! What can be wrong with a transport: one thing each.

/// The one thing that a [`Broken`](crate::transport::Broken) transport does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing: shows that the wrapper itself passes.
    None,

    // Bytes.
    /// One byte of a stream comes twice.
    DoublesAByte,
    /// Two bytes of a stream change places.
    SwapsTwoBytes,
    /// Now and then a byte of another channel comes in place of one.
    MixesChannels,
    /// What does not fit is thrown away, and counts as written.
    DropsWhatDoesNotFit,
    /// The last byte before a disconnect is lost.
    LosesTheLastByte,
    /// A disconnect is told ahead of the bytes that were written before it.
    EndsEarly,
    /// Of five slices or more the last one counts as written, and is not.
    LosesTheLastOfManySlices,
    /// The last two of four slices or more are filled in the wrong order.
    SwapsTheLastOfManySlices,
    /// A partial consume hides the rest until the next fill.
    HidesTheRest,
    /// Bytes beyond 24 bits of a stream are spoilt.
    SpoilsLongStreams,
    /// Leaving with bytes unread destroys what is on its way out, as a plain `close` does on TCP.
    ResetsWhenUnread,

    // Time and waking.
    /// Reads give up after half of their time limit.
    ReadsTimeOutEarly,
    /// Writes give up after half of their time limit.
    WritesTimeOutEarly,
    /// Now and then a waiting read is not woken by bytes.
    ForgetsToWakeReads,
    /// A waiting write is not woken by room.
    ForgetsToWakeWrites,
    /// A disconnect does not wake a read of its own side.
    DisconnectLeavesOwnReadAsleep,
    /// A disconnect does not wake a read of the far side.
    DisconnectLeavesFarReadAsleep,
    /// A disconnect does not wake a write of its own side.
    DisconnectLeavesOwnWriteAsleep,
    /// The dialler's reads give up after half of their time limit.
    DiallersReadsTimeOutEarly,
    /// The acceptor's writes give up after half of their time limit.
    AcceptorsWritesTimeOutEarly,
    /// The acceptor's waiting writes are not woken by room.
    ForgetsToWakeTheAcceptorsWrites,
    /// A disconnect does not wake a read of its own side, if that dialled.
    DiallersDisconnectLeavesItsReadAsleep,
    /// Time limits are over a good while late.
    LimitsAreLate,
    /// No time limit is longer than half a second.
    LimitsAreCutDown,
    /// Now and then a poll blocks for a while.
    PollsBlock,
    /// What is pending is woken all the time.
    WakesForNothing,
    /// Wakes under a lock that totals take too.
    WakesUnderALock,
    /// A blocked read holds a lock that totals take too.
    ReadsUnderALock,
    /// A disconnect waits a while.
    DisconnectBlocks,
    /// A finish waits a while.
    FinishBlocks,
    /// A drop waits a while.
    DropBlocks,

    // Ends.
    /// An end becomes an error when it is asked for often.
    EndsThenFails,
    /// A loss becomes an end when it is asked for often.
    LosesThenEnds,
    /// Says that a stream has ended when its writer has, with bytes unread.
    HasEndedTooEarly,
    /// A lost peer looks like an orderly end.
    HidesALoss,
    /// An orderly end looks like a lost peer.
    InventsALoss,
    /// `finish` closes both directions.
    FinishClosesBoth,
    /// Writes to a peer that has left are taken for ever.
    WritesForEver,
    /// A dropped reader is not told.
    HidesADroppedReader,
    /// Says that everything was read, whatever happened.
    AlwaysComplete,
    /// The dialler is told that everything was read, whatever happened.
    AlwaysCompleteForTheDialler,
    /// Nobody knows whether nothing was read.
    NothingIsUnknown,
    /// What the peer has read is known once, and then forgotten.
    PartialOnlyOnce,
    /// After a finish everything counts as read.
    CompleteAfterAFinish,
    /// It is a bare byte stream and says that it can tell ends from losses.
    ClaimsToBeNative,

    // The whole transport.
    /// One channel whose peer does not read blocks all others.
    OneStallsAll,
    /// The listener is dead after the first error that it told of.
    ListenerDies,
    /// A dial to where nobody listens never ends.
    DialHangs,
    /// Whichever broker is asked for, it takes the one that is there.
    AnswersForAnyBroker,
    /// Two can listen at one place; the first is not told.
    TakesATakenPlace,
    /// Goes on holding the place of a listener that was dropped.
    KeepsItsPlace,
    /// Never knows that a peer is lost until somebody reads.
    NeverKnowsALoss,
    /// Tells no bytes.
    CountsNothing,
    /// Counts what was given to writes, taken or not.
    CountsWhatIsOffered,
    /// Counts as read what is lent.
    CountsWhatIsLent,
    /// Tells no bytes after a disconnect.
    ForgetsItsCounts,
    /// Bytes are underway that nobody wrote.
    InventsBytesUnderway,
    /// The peer's endpoint is one of another transport.
    NamesAnotherScheme,
    /// After some hundred connections no more are made.
    DiesAfterHundreds,
    /// Connections beyond eight that are open are dropped.
    ServesEight,
    /// A listener that is dropped ends all others.
    OneThatClosesEndsAll,
    /// Keeps a descriptor for each connection.
    LeaksADescriptor,
}

impl Flaw {
    /// Whether it takes bytes out of the stream to change them.
    pub fn tampers(self) -> bool {
        use Flaw::*;
        matches!(
            self,
            DoublesAByte | SwapsTwoBytes | MixesChannels | LosesTheLastByte | SpoilsLongStreams
        )
    }
}
