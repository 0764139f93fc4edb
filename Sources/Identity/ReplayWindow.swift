/// Tells what one sender sends for the first time from what somebody sends again.
///
/// The sender numbers what it sends: with its epoch, which grows on disk at each of its starts, and a counter from zero
/// on within it. What comes late is still taken when it is among the last 64 numbers and has not come before, since
/// networks reorder; older ones are refused unseen, and so is everything of an earlier epoch.
///
/// Ask it only about what has proven to be the sender's, or anybody could move the window. It is empty after a restart
/// of the receiver, so that what was recorded before can be sent once more then: what is guarded by it must bear that.
public struct ReplayWindow: Sendable {
    public static let width: UInt64 = 64

    /// Nil before anything has come.
    private var newest: (epoch: UInt64, counter: UInt64)?
    /// Bit i: the counter that lies i below the newest one has come.
    private var seen: UInt64 = 0

    public init() {}

    /// True the first time for each number that is not too old.
    public mutating func admits(epoch: UInt64, counter: UInt64) -> Bool {
        guard let newest, newest.epoch >= epoch else {
            self.newest = (epoch, counter)
            seen = 1
            return true
        }
        guard newest.epoch == epoch else { return false }
        if counter > newest.counter {
            let step = counter - newest.counter
            // Shifting by the width or more gives zero.
            seen = seen << step | 1
            self.newest = (epoch, counter)
            return true
        }
        let age = newest.counter - counter
        guard age < ReplayWindow.width, seen >> age & 1 == 0 else { return false }
        seen |= 1 << age
        return true
    }
}
