import MeshCore
import Wire

/// A link between two processes, as TCP makes it: two streams in which nothing is lost or overtaken. What finds no way waits for one,
/// until either side has heard nothing for too long and gives up. End 0 dialled.
final class Pipe {
    enum Item {
        case frame(Frame)
        /// The other side has closed, or is gone.
        case end(reason: String)
    }

    struct End {
        let host: Host
        /// Of the process that it belongs to.
        let life: Int
        let link: LinkID
        /// What goes to this end arrives in order: nothing before this time.
        var earliest: Instant
        var isOpen = true
        /// Whether its core has been told of the link.
        var isAnnounced = false
        /// What is on its way to this end, and what waits for a way.
        var waiting = 0
        var held: [Item] = []
        /// Since when nothing has come that shows the other side to be there.
        var silentSince: Instant?
    }

    let purpose: LinkInfo.Purpose
    var ends: [End]

    init(purpose: LinkInfo.Purpose, ends: [End]) {
        self.purpose = purpose
        self.ends = ends
    }

    var isWhole: Bool { ends[0].isOpen && ends[1].isOpen }

    func joins(_ one: Int, _ other: Int) -> Bool {
        (ends[0].host.index == one && ends[1].host.index == other)
            || (ends[0].host.index == other && ends[1].host.index == one)
    }
}

/// One end of a link, as its host knows it.
struct LinkEnd {
    let pipe: Pipe
    let end: Int
}
