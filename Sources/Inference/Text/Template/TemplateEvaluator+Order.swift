/// Equality and order, as Python has them. Values that share their parts take longer to compare than to make: whatever
/// is looked at is counted before.
extension TemplateEvaluator {
    func equals(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        try spend(values: 1)
        if let left = left.integer, let right = right.integer { return left == right }
        if let left = left.real, let right = right.real { return left == right }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.text(let left), .text(let right)): return try equals(left, right)
        case (.list(let left), .list(let right)):
            guard left.isTuple == right.isTuple, left.items.count == right.items.count else { return false }
            for (index, item) in left.items.enumerated() {
                guard try equals(item, right.items[index]) else { return false }
            }
            return true
        case (.mapping(let left), .mapping(let right)):
            guard left.keys.count == right.keys.count else { return false }
            for (index, key) in left.keys.enumerated() {
                guard let other = try look(up: key, in: right), try equals(left.values[index], other) else {
                    return false
                }
            }
            return true
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        default: return false
        }
    }

    func precedes(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        try spend(values: 1)
        if let left = left.integer, let right = right.integer { return left < right }
        if let left = left.real, let right = right.real { return left < right }
        switch (left, right) {
        case (.text(let left), .text(let right)): return try precedes(left, right)
        case (.list(let left), .list(let right)):
            for (one, another) in zip(left.items, right.items) where try !equals(one, another) {
                return try precedes(one, another)
            }
            return left.items.count < right.items.count
        default: throw .evaluation(problem: "a \(left.typeName) and a \(right.typeName) have no order")
        }
    }

    /// What a mapping has under a key, which is hashed for that and compared.
    func look(up key: TemplateText, in mapping: TemplateMapping) throws(TemplateError) -> TemplateValue? {
        try spend(key.count, each: TemplateCost.hashed)
        return mapping[key]
    }

    // MARK: Texts

    func equals(_ left: TemplateText, _ right: TemplateText) throws(TemplateError) -> Bool {
        left.count == right.count ? try has(left, right, at: 0) : false
    }

    func precedes(_ left: TemplateText, _ right: TemplateText) throws(TemplateError) -> Bool {
        let length = Swift.min(left.count, right.count)
        let alike = try commonLength(left, from: 0, right, upTo: length)
        return alike < length ? left[alike] < right[alike] : left.count < right.count
    }

    /// Whether `part` stands in `text` at that place.
    func has(_ text: TemplateText, _ part: TemplateText, at place: Int) throws(TemplateError) -> Bool {
        guard place >= 0, place + part.count <= text.count else { return false }
        return try commonLength(text, from: place, part, upTo: part.count) == part.count
    }

    /// How many characters of `part` stand in `text` from a place on. They are counted in small portions: mostly the
    /// first ones differ.
    private func commonLength(
        _ text: TemplateText, from start: Int, _ part: TemplateText, upTo length: Int
    ) throws(TemplateError) -> Int {
        var place = 0
        while place < length {
            let end = Swift.min(place + 32, length)
            try spend(end - place)
            while place < end {
                guard text[start + place] == part[place] else { return place }
                place += 1
            }
        }
        return length
    }

    /// Where `part` begins in `text` at or behind `start`.
    func find(_ part: TemplateText, in text: TemplateText, from start: Int) throws(TemplateError) -> Int? {
        guard part.count <= text.count else { return nil }
        guard let first = part.first else { return start <= text.count ? start : nil }
        let last = text.count - part.count
        var place = start
        var paid = start
        while place <= last {
            if place >= paid {
                paid = Swift.min(place + 32, last + 1)
                try spend(paid - place)
            }
            if text[place] == first, try has(text, part, at: place) { return place }
            place += 1
        }
        return nil
    }

    // MARK: Sorting

    /// A stable sort whose order may fail: numbers and texts have none.
    func sorted<Element>(
        _ items: [Element], by precedes: (Element, Element) throws(TemplateError) -> Bool
    ) throws(TemplateError) -> [Element] {
        guard items.count > 1 else { return items }
        try hold(items.count, each: MemoryLayout<Element>.stride, cost: 2 * TemplateCost.value)
        let middle = items.count / 2
        let left = try sorted(Array(items[..<middle]), by: precedes)
        let right = try sorted(Array(items[middle...]), by: precedes)
        var result: [Element] = []
        result.reserveCapacity(items.count)
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            if try precedes(right[j], left[i]) {
                result.append(right[j])
                j += 1
            } else {
                result.append(left[i])
                i += 1
            }
        }
        result += left[i...]
        result += right[j...]
        return result
    }
}
