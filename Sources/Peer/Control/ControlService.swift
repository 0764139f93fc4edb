/// Whoever does what clients ask. The control server calls it, one task for each request.
public protocol ControlService: Sendable {
    /// Works on the request and emits what happens, `result` or `failure` last. What is emitted after that is dropped.
    /// The task is cancelled when the client goes away.
    func perform(_ request: ControlRequest, emit: @escaping @Sendable (ControlEvent) -> Void) async
}
