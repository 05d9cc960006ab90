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

    // Ends.
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
    /// Keeps a descriptor for each connection.
    LeaksADescriptor,
}

impl Flaw {
    /// Whether it takes bytes out of the stream to change them.
    pub fn tampers(self) -> bool {
        use Flaw::*;
        matches!(
            self,
            DoublesAByte | SwapsTwoBytes | MixesChannels | LosesTheLastByte
        )
    }
}
