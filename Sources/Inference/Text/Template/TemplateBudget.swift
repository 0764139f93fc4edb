/// What one rendering may still do and take. A template comes with a file from anywhere, and values share their parts:
/// thirty lines make a list that prints as a billion elements. So everything that walks a value, copies a text or makes
/// a new one asks here first, for as much as it is about to do.
///
/// Work is counted in characters: one that is looked at or copied is one, and the rest costs about as many as it takes
/// the time of. Memory is counted in bytes and never given back: values that were dropped again count on, so that the
/// sum bounds what is held at any time. Both grow with the conversation, for an honest template goes over it a few
/// times, however long it is.
struct TemplateBudget {
    private var work: Int
    private var bytes: Int
    /// Where the work that is left reaches this, somebody is asked whether the rendering is wanted still.
    private var nextQuestion: Int
    private let isCancelled: (() -> Bool)?

    /// - Parameter isCancelled: whether the rendering is not wanted any more; asked every few milliseconds.
    init(work: Int, bytes: Int, isCancelled: (() -> Bool)? = nil) {
        self.work = work
        self.bytes = bytes
        nextQuestion = work
        self.isCancelled = isCancelled
    }

    /// - Parameter input: the size of what the template is given, in characters.
    init(input: Int, isCancelled: (() -> Bool)? = nil) {
        self.init(
            work: min(TemplateLimit.work + TemplateLimit.workPerInput * input, TemplateLimit.workMax),
            bytes: min(TemplateLimit.bytes + TemplateLimit.bytesPerInput * input, TemplateLimit.bytesMax),
            isCancelled: isCancelled)
    }

    /// Counts work that is about to be done.
    mutating func spend(_ count: Int, each cost: Int = 1) throws(TemplateError) {
        let (amount, overflow) = count.multipliedReportingOverflow(by: cost)
        guard !overflow, amount <= work else {
            throw .limit(what: "more work than a conversation of this length needs")
        }
        work -= max(0, amount)
        if work < nextQuestion {
            nextQuestion = work - TemplateLimit.workBetweenQuestions
            if isCancelled?() == true { throw .cancelled }
        }
    }

    /// Counts memory that is about to be taken, and the work of filling it.
    mutating func hold(_ count: Int, each size: Int, cost: Int) throws(TemplateError) {
        try spend(count, each: cost)
        let (amount, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, amount <= bytes else {
            throw .limit(what: "more memory than a conversation of this length needs")
        }
        bytes -= max(0, amount)
    }
}

/// What things cost, in characters that are copied.
enum TemplateCost {
    /// A statement run or an expression evaluated.
    static let step = 64
    /// An element of a list or mapping that is copied or compared.
    static let value = 16
    /// A value that is printed, beside its characters.
    static let printed = 48
    /// A scope that is looked through for a name.
    static let scope = 32
    /// A character of a key that is looked up.
    static let hashed = 4
    /// A character that is read as part of a number.
    static let digit = 8
    /// A character that is made large or small, or asked for its properties.
    static let mapped = 8

    // Bytes.
    static let bytesPerValue = MemoryLayout<TemplateValue>.stride
    static let bytesPerCharacter = MemoryLayout<Unicode.Scalar>.stride
    /// What grows in steps has up to twice the room that it needs.
    static let bytesPerAppended = 2 * bytesPerCharacter
    /// A text or list of its own, with what the allocator adds.
    static let bytesPerObject = 64
}

/// What a template may use up. For 100,000 tokens and hundreds of tools real ones take a quarter of it, and for less a
/// hundredth.
enum TemplateLimit {
    static let sourceScalars = 1 << 17
    static let nameScalars = 256
    /// The work of about a quarter of a second.
    static let work = 1 << 25
    static let workPerInput = 32
    static let workMax = 1 << 27
    static let workBetweenQuestions = 1 << 20
    static let bytes = 1 << 26
    static let bytesPerInput = 64
    static let bytesMax = 1 << 28
    static let outputScalars = 1 << 22
    static let outputPerInput = 4
    /// Of a text in the template's own words that is shown in a message.
    static let reasonScalars = 4096
    /// Longer ones are no numbers.
    static let numberScalars = 400
    static let filterArguments = 16
    static let rangeBound = 1 << 40
    static let expressionDepth = 64
    static let statementDepth = 32
    static let evaluationDepth = 160
    static let valueDepth = 32
}
