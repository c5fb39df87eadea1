// A part of the report. What is new comes in without taking away the focus, or closing what is open.
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || !fresh.attributes) return old.replaceWith(fresh);
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
  const parts = [...fresh.childNodes];
  if (old.childNodes.length !== parts.length) old.replaceChildren(...parts);
  else [...old.childNodes].forEach((part, index) => renew(part, parts[index]));
}

export default {
  template: "<div></div>",
  props: { html: String },
  mounted() {
    this.$el.innerHTML = this.html;
  },
  watch: {
    html(text) {
      const fresh = this.$el.cloneNode(false);
      fresh.innerHTML = text;
      renew(this.$el, fresh);
      document.dispatchEvent(new Event("redrawn"));
    },
  },
};
