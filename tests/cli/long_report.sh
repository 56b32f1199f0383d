#!/bin/sh
# SPDX-License-Identifier: MIT
# The report in a browser: nothing is wider than the window, no picture is missing, nothing is fetched.
. "$(dirname "$0")/lib/common.sh"

browser=$(sh "$RESTAIN_SOURCE/scripts/install-browser.sh" --find) || {
    echo 'no Chromium here; scripts/install-browser.sh installs it'
    exit 77
}
expect 0 - synth -q --pairs 5 --size 128 --val-share 0 --seed 2 -o s
expect 0 - translate -q -m "$RESTAIN_SOURCE/models/demo.safetensors" s/trainA -o demo
expect 0 'report' evaluate --compare s/trainB demo s/trainA --report report --he s/trainA --cases 2

# The page in a frame of a given width, looked at by a script of ours; the report itself has none.
cat >look.html <<'EOF'
<body><iframe id="f" src="report/index.html" style="border:0"></iframe><pre id="out">not loaded</pre><script>
f.style.width = location.hash.slice(1) + 'px';
f.style.height = '900px';
f.onload = () => {
  const d = f.contentDocument, img = [...d.images];
  out.textContent = `wide ${d.documentElement.scrollWidth - d.documentElement.clientWidth} images ${img.length} ` +
    `missing ${img.filter(i => i.naturalWidth === 0).length} fetched ${f.contentWindow.performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length}.`;
};
</script></body>
EOF
for width in 1300 800 420; do
    checks=$((checks + 1))
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --virtual-time-budget=8000 \
        --window-size=1400,1000 --dump-dom "file://$PWD/look.html#$width" >dom 2>log
    grep -q 'wide 0 images 6 missing 0 fetched 0\.' dom || problem "at $width pixels: $(grep -o 'id="out">[^<]*' dom)"
done
finish
