import Foundation

/// The system calls for stream sockets that have a path instead of a port.
enum UnixSocket {
    /// A new socket's descriptor, closed on exec.
    static func make(for path: String) throws(ControlError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw refused("make a socket for", path) }
        return descriptor
    }

    /// The error number, 0 for success. A path that does not fit is `ENAMETOOLONG`.
    static func connect(_ descriptor: Int32, to path: String) -> Int32 {
        withAddress(path) { Foundation.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    /// The error number, 0 for success.
    static func bind(_ descriptor: Int32, to path: String) -> Int32 {
        withAddress(path) { Foundation.bind(descriptor, $0, $1) == 0 ? 0 : errno }
    }

    static func refused(_ operation: String, _ path: String, code: Int32 = errno) -> ControlError {
        .systemRefused(operation: operation, path: path, reason: String(cString: strerror(code)))
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { field in
            // One byte stays zero and ends the path.
            guard bytes.count < field.count, !bytes.contains(0) else { return false }
            field.copyBytes(from: bytes)
            return true
        }
        guard fits else { return ENAMETOOLONG }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
